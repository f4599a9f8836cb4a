import type { Platform, UpOptions } from '../platform/platform.ts'
import { RunningPlatform } from '../platform/running.ts'

/** How long the relay may take to become ready, in milliseconds. */
const START_TIMEOUT_MS = 30_000

/**
 * Starts the platform for a folder of manifests. Resolves when the relay accepts visitors. Rejects if the port is in
 * use, if the folder cannot be read, if the platform does not start, or with the reason of an aborted signal.
 */
export async function up(options: UpOptions): Promise<Platform> {
  options.signal?.throwIfAborted()
  const running = await RunningPlatform.start(options)
  try {
    options.signal?.throwIfAborted()
    await running.waitForRelay(START_TIMEOUT_MS)
    return running
  } catch (error) {
    await running.stop()
    throw error
  }
}
