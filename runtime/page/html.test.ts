import fc from 'fast-check'
import { expect, test } from 'vitest'
import { html } from './html.ts'
import { page, PAGE_HEADERS } from './page.ts'

test('texts are escaped, markup and lists of markup are not, and undefined is left out', () => {
  const items = ['<a>', `"b'&`].map((text) => html`<b>${text}</b>`)
  const made = html`<p title="${'"'}">${items}${undefined}${7}</p>`.text
  expect(made).toMatch(/^<p title="&quot;">/)
  expect(made.replaceAll(/\s/g, '')).toContain('<b>&lt;a&gt;</b><b>&quot;b&#39;&amp;</b>7</p>')
})

test('no text adds a tag or ends an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const [, value = '', content = ''] =
        /^<p title="(.*)">(.*)<\/p>$/s.exec(html`<p title="${text}">${text}</p>`.text) ?? []
      // oxlint-disable-next-line no-control-regex -- the pattern is for these characters
      expect(value + content).not.toMatch(/[<>"'\u0000\u001b\u202e]/)
    }),
  )
})

test('a page refreshes only if it is told to, runs nothing and loads nothing', () => {
  const body = html`<h1>Hello</h1>`
  expect(page({ title: '<x>', body })).toContain('<title>&lt;x&gt;</title>')
  expect(page({ title: 'x', body })).not.toContain('http-equiv')
  expect(page({ title: 'x', body, refreshSeconds: 3 })).toContain('<meta http-equiv="refresh" content="3"')
  expect(page({ title: 'x', body })).not.toMatch(/<script|src=|url\(|@import/)
  expect(new Map(PAGE_HEADERS).get('content-security-policy')).toContain("default-src 'none'")
})
