/** Markup. Only {@link html} makes it, so text from outside is always escaped. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A value in a template: text and numbers are escaped, `undefined` is left out. */
export type HtmlValue = string | number | Html | readonly Html[] | undefined

/** A template tag that returns markup, and escapes all values that are not markup themselves. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] as string
  for (const [index, value] of values.entries()) text += markupOf(value) + (parts[index + 1] as string)
  return new Html(text)
}

function markupOf(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return String(value)
    .replaceAll(UNSHOWN, '')
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string)
}

/** Control characters other than line ends and tabs, and marks that make text look like another (CVE-2021-42574). */
const UNSHOWN =
  // oxlint-disable-next-line no-control-regex -- the pattern is for these characters
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
