/** The smallest buffer that is given: 1 KiB. */
const LEAST_BITS = 10
/** Bytes of buffers that wait to be used again; what is given back beyond that is left to V8. */
const MAX_FREE_BYTES = 16 * 1024 * 1024

const free: Buffer[][] = []
let freeBytes = 0

/**
 * A buffer for a client's bytes, of at least this size (a power of two), whose bytes are what they are. Buffers that
 * come back are given again at once: garbage would wait for V8, which lets several times as much pile up as is in use.
 */
export function takeBytes(size: number): Buffer {
  const bits = Math.max(LEAST_BITS, 32 - Math.clz32(size - 1))
  const known = free[bits]?.pop()
  if (known === undefined) return Buffer.allocUnsafeSlow(2 ** bits)
  freeBytes -= known.length
  return known
}

/** Takes a buffer of {@link takeBytes} back, of which no view is used any more. */
export function giveBytes(buffer: Buffer): void {
  if (freeBytes + buffer.length > MAX_FREE_BYTES) return
  freeBytes += buffer.length
  ;(free[31 - Math.clz32(buffer.length)] ??= []).push(buffer)
}
