import { mkdir, rm, stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Runs work if no other process does so now. Resolves with undefined if one does. */
export type OrderLock = <T>(work: () => Promise<T>) => Promise<T | undefined>

/** How often the holder shows that it lives, in milliseconds. */
const BEAT_MS = 20_000
/** A lock without a sign of life for this long belongs to a process that has ended. */
const STALE_MS = 120_000

/**
 * A lock for the processes that share a folder: a folder that exists while one of them works. A process that ended while
 * it worked blocks the others for two minutes. Two holders at a time are possible after that, and harmless: they order the
 * same certificate twice.
 */
export function folderLock(path: string, now: () => number = Date.now): OrderLock {
  return async (work) => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    if (!(await take(path, now))) return undefined
    const beat = setInterval(() => {
      const seconds = now() / 1000
      utimes(path, seconds, seconds).catch(() => undefined)
    }, BEAT_MS).unref()
    try {
      return await work()
    } finally {
      clearInterval(beat)
      await rm(path, { recursive: true, force: true })
    }
  }
}

async function take(path: string, now: () => number): Promise<boolean> {
  if (await make(path)) return true
  const found = await stat(path).catch(() => undefined)
  if (found !== undefined && now() - found.mtimeMs < STALE_MS) return false
  await rm(path, { recursive: true, force: true })
  return await make(path)
}

async function make(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
