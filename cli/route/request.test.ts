import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestOf, withScheme } from './request.ts'

const stdin = (): Promise<string> => Promise.resolve('from standard input')

test.each([
  ['web--alice.localhost:8080/cart?a=1', 'http://web--alice.localhost:8080/cart?a=1'],
  ['web--alice.localhost', 'http://web--alice.localhost/'],
  ['127.0.0.1:8080', 'http://127.0.0.1:8080/'],
  ['https://web--alice.example.com/', 'https://web--alice.example.com/'],
])('%s is %s', (text, url) => {
  expect(withScheme(text)).toBe(url)
})

test.each(['', 'ftp://host/', 'http://', 'http://a b/', 'a:99999'])(
  '%j is not a URL, with an example',
  (text) => {
    expect(() => withScheme(text)).toThrow(/is not a URL: wanted one of a preview, such as http/)
  },
)

test('any text is a URL of http or an error with a code', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      const result = (): string => {
        try {
          return withScheme(text)
        } catch (error) {
          return (error as { code: string }).code
        }
      }
      expect(result()).toMatch(/^(?:https?:\/\/.|BL_USAGE$)/)
    }),
  )
})

test('without data it is a GET, and with data a POST of a form, as with curl', async () => {
  expect(await requestOf('a.localhost', {}, stdin)).toEqual({
    url: 'http://a.localhost/',
    method: 'GET',
    headers: {},
    body: undefined,
  })
  const file = join(temporaryFolder('request'), 'body')
  await writeFile(file, 'from a file')
  const data = ['a=1', `@${file}`, '@-']
  expect(await requestOf('a.localhost', { data }, stdin)).toEqual({
    url: 'http://a.localhost/',
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from('a=1&from a file&from standard input'),
  })
})

test('method and headers are taken as they are given', async () => {
  const header = ['Content-Type: application/json', 'x-empty:', 'X-User:  ann  ']
  const { method, headers } = await requestOf('a', { method: 'PUT', header, data: ['{}'] }, stdin)
  expect([method, headers]).toEqual([
    'PUT',
    { 'content-type': 'application/json', 'x-empty': '', 'x-user': 'ann' },
  ])
  await expect(requestOf('a', { header: ['no colon'] }, stdin)).rejects.toThrow('wanted "Name: value"')
  await expect(requestOf('a', { header: ['a: b\r\nc: d'] }, stdin)).rejects.toThrow('wanted "Name: value"')
})
