/** Returns the offset of the first character of the line of an offset. */
export const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1

/** Returns the offset after the last character of the line of an offset, before its line break. */
export function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset)
  if (newline === -1) return text.length
  return newline > offset && text[newline - 1] === '\r' ? newline - 1 : newline
}

/** Returns the line break that ends the line before an offset or, in the first line, the first one of the text. */
export function lineBreak(text: string, offset: number): string {
  const before = text.lastIndexOf('\n', offset - 1)
  const at = before === -1 ? text.indexOf('\n') : before
  return at > 0 && text[at - 1] === '\r' ? '\r\n' : '\n'
}

/** Returns the white space before an offset in its line, or undefined if there is something else. */
export function leadOf(text: string, offset: number): string | undefined {
  const lead = text.slice(lineStart(text, offset), offset)
  return /^[ \t]*$/.test(lead) ? lead : undefined
}
