import { parseDocument, type ToStringOptions } from 'yaml'

/** The layout of a text, as far as the library can reproduce it. */
export type YamlStyle = Pick<ToStringOptions, 'indent' | 'indentSeq' | 'flowCollectionPadding' | 'lineWidth'>

const STYLES: readonly YamlStyle[] = [2, 4].flatMap((indent) =>
  [true, false].flatMap((indentSeq) =>
    [true, false].map((flowCollectionPadding) => ({
      indent,
      indentSeq,
      flowCollectionPadding,
      lineWidth: 0,
    })),
  ),
)

/**
 * Returns the style that reproduces a document's text with the fewest changed lines. For most texts no line changes, so
 * that an edit changes only its own lines, and undoing the edit restores the text.
 */
export function styleOf(text: string): YamlStyle {
  const document = parseDocument(text)
  const lines = new Set(text.split('\n'))
  const changed = (style: YamlStyle): number =>
    document
      .toString(style)
      .split('\n')
      .filter((line) => !lines.has(line)).length
  let [best] = STYLES as [YamlStyle, ...YamlStyle[]]
  let fewest = Number.POSITIVE_INFINITY
  for (const style of STYLES) {
    const count = changed(style)
    if (count < fewest) [best, fewest] = [style, count]
    if (count === 0) break
  }
  return best
}
