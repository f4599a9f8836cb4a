import { Html, html } from './html.ts'
import { STYLE } from './style.ts'

/** What a page shows. */
export interface PageOptions {
  /** The text of the browser's tab. */
  readonly title: string
  readonly body: Html
  /** Seconds after which the browser loads the page again. Default: it does not. */
  readonly refreshSeconds?: number | undefined
  /** `narrow` for a few sentences, `wide` for tables. Default: `narrow`. */
  readonly width?: 'narrow' | 'wide'
}

/** Headers of every page: it loads nothing, runs nothing, cannot be framed, and is neither stored nor read by others. */
export const PAGE_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  [
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** Returns a whole document. */
export function page({ title, body, refreshSeconds, width = 'narrow' }: PageOptions): string {
  const refresh =
    refreshSeconds === undefined ? undefined : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${refresh}
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body class="${width}">
        ${body}
      </body>
    </html> `.text
}
