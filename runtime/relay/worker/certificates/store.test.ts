import { expect, test } from 'vitest'
import { readCertificate } from './certificate.ts'
import { makeCertificate } from './fixture.ts'
import { CertificateStore } from './store.ts'

const storeOf = (contexts: number, failures: string[] = []): CertificateStore =>
  new CertificateStore({
    domain: 'preview.test',
    contexts,
    now: Date.now,
    onFailure: ({ origin }) => failures.push(origin),
  })

test('contexts are made at their first use, and a bounded number is kept', async () => {
  const pairs = await Promise.all(['a', 'b', 'c'].map((name) => makeCertificate([`${name}.test`])))
  const all = pairs.map((pair) => readCertificate(pair, 'test'))
  const [a, b, c] = all as [(typeof all)[0], (typeof all)[0], (typeof all)[0]]
  const store = storeOf(2)
  store.replace('files', all)
  expect(store.contexts).toBe(0)
  const first = store.contextOf(a)
  store.contextOf(b)
  expect(store.contextOf(a)).toBe(first)
  store.contextOf(c)
  expect(store.contexts).toBe(2)
  expect(store.contextOf(a)).toBe(first)
  store.replace('files', [b])
  expect(store.contexts).toBe(0)
})

test('a certificate that TLS refuses is reported, and is no error', () => {
  const failures: string[] = []
  const broken = {
    origin: 'x',
    names: ['a.test'],
    cert: 'x',
    key: 'y',
    id: '1',
    notBeforeMs: 0,
    notAfterMs: 1,
    warning: undefined,
  }
  expect(storeOf(2, failures).contextOf(broken)).toBeUndefined()
  expect(failures).toEqual(['x'])
})
