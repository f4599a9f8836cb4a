import { parseDocument, type ToStringOptions } from 'yaml'

/** How a text is laid out, as far as the library can say it again. */
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
 * The style in which a document's text says itself again with the fewest changed lines; none in most texts, so
 * that what is edited in it differs there alone, and an edit that is taken back leaves no trace.
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
