import { rm } from 'node:fs/promises'

/**
 * Removes a folder and what is in it. Waits for processes that still write there: an embedded PostgreSQL ends a moment
 * after the process that it belongs to was killed, and removes files of its own.
 */
export const removeFolder = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
