/** Size of the smallest buffer, as a power of two: 1 KiB. */
const LEAST_BITS = 10
/** Total size of the buffers that wait for reuse. V8 collects what comes back beyond it. */
const MAX_FREE_BYTES = 16 * 1024 * 1024

const free: Buffer[][] = []
let freeBytes = 0

/**
 * Returns a buffer of at least this size (a power of two). Its content is undefined. Buffers that come back are reused
 * at once: V8 would let several times as much garbage pile up as is in use.
 */
export function takeBytes(size: number): Buffer {
  const bits = Math.max(LEAST_BITS, 32 - Math.clz32(size - 1))
  const known = free[bits]?.pop()
  if (known === undefined) return Buffer.allocUnsafeSlow(2 ** bits)
  freeBytes -= known.length
  return known
}

/** Takes back a buffer from {@link takeBytes}. No view of it may be in use any more. */
export function giveBytes(buffer: Buffer): void {
  if (freeBytes + buffer.length > MAX_FREE_BYTES) return
  freeBytes += buffer.length
  ;(free[31 - Math.clz32(buffer.length)] ??= []).push(buffer)
}
