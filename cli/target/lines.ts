import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/**
 * Reports each line of a stream. Resolves at its end, or when the signal aborts. Rejects if the stream breaks, or with
 * what `onLine` throws.
 */
export async function eachLine(
  stream: Readable,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => (signal.aborted ? resolve() : reject(error))
    // These stay after the end: an aborted response reports its error late.
    stream.on('error', fail)
    lines.on('error', fail)
    lines.once('close', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    lines.on('line', (line) => {
      if (signal.aborted) return
      try {
        onLine(line)
      } catch (error) {
        fail(error)
        stream.destroy()
      }
    })
  })
}
