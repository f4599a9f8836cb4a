import { isUtf8 } from 'node:buffer'
import { MAX_FILE_BYTES } from '@branchline/runtime/local/manifests/files'

/** Reads standard input. Rejects if it is longer than a manifest may be, or not UTF-8. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_FILE_BYTES) {
      throw new Error(
        `standard input has more than ${MAX_FILE_BYTES} bytes: pass the manifests in several parts`,
      )
    }
    chunks.push(chunk)
  }
  const all = Buffer.concat(chunks)
  if (!isUtf8(all)) throw new Error('standard input is not UTF-8: convert it')
  return all.toString('utf8')
}
