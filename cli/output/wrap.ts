const MIN_WIDTH = 30

/**
 * Breaks a text into lines of at most `width` characters, between words, each with the indent. A word that is longer,
 * such as a URL, stays whole. Without a width the text is one line.
 */
export function wrapped(text: string, width: number | undefined, indent = ''): string[] {
  if (width === undefined) return [indent + text]
  const room = Math.max(MIN_WIDTH, width) - indent.length
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}
