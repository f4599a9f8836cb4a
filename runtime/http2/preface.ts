/** The first bytes of a client (RFC 9113, 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/**
 * True if the first bytes of a connection are HTTP/2's preface, false if they are not, undefined if they may still
 * become it.
 */
export function looksLikeHttp2(bytes: Buffer): boolean | undefined {
  const length = Math.min(bytes.length, PREFACE.length)
  if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) return false
  return length === PREFACE.length ? true : undefined
}

const SETTINGS = 4

/**
 * True if the first bytes of a server are HTTP/2's (RFC 9113, 3.4: a SETTINGS frame on stream 0 that is not an ACK),
 * false if they are not, undefined if they may still become it.
 */
export function looksLikeSettings(bytes: Buffer): boolean | undefined {
  const { length } = bytes
  if (length > 3 && bytes[3] !== SETTINGS) return false
  for (let at = 4; at < Math.min(length, 9); at++) if (bytes[at] !== 0) return false
  return length < 9 ? undefined : bytes.readUIntBE(0, 3) % 6 === 0
}
