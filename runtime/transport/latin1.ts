interface Latin1Buffer {
  latin1Slice(from: number, to: number): string
  latin1Write(text: string, at: number, length: number): number
}

/** Octets as a string of one character each. Node's own method, which its types leave out: `toString` costs more. */
export const latin1 = (bytes: Buffer, from: number, to: number): string =>
  (bytes as unknown as Latin1Buffer).latin1Slice(from, to)

/** A string of Latin-1 characters as octets. */
export const octetsOf = (text: string): Buffer => Buffer.from(text, 'latin1')

/** The reverse of {@link latin1}, into a buffer that has the room. */
export const writeLatin1 = (bytes: Buffer, text: string, at: number): number =>
  (bytes as unknown as Latin1Buffer).latin1Write(text, at, text.length)
