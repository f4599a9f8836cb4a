import { SourceError } from '../errors.ts'

/**
 * The lines of a stream of octets (newline-delimited JSON), without their ends. A line of more octets than
 * allowed ends the stream with a {@link SourceError}; so does a stream that ends within a line.
 */
export async function* readLines(
  stream: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      if (length + end - from > maxLineBytes) throw tooLong(maxLineBytes)
      yield Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8')
      parts = []
      length = 0
      from = end + 1
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > maxLineBytes) throw tooLong(maxLineBytes)
  }
  if (length > 0) throw new SourceError('the watch ended within a line', { retryable: true })
}

const tooLong = (maxLineBytes: number): SourceError =>
  new SourceError(`a line of the watch has more than ${maxLineBytes} octets`, { retryable: true })
