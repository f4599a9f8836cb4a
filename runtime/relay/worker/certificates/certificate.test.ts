import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newKeys } from '../../../authority/keys.ts'
import { readCertificate, validityFault } from './certificate.ts'
import { CertificateError } from './errors.ts'
import { makeCertificate } from './fixture.ts'

const FILE = '/tls/a.crt'

describe('a certificate that can be used', () => {
  test('has the names of its subjectAltName, in lower case', async () => {
    const pair = await makeCertificate(['A.example', '*.a.example', 'xn--bcher-kva.example', 'a.example'])
    const { names, warning } = readCertificate(pair, FILE)
    expect(names).toEqual(['a.example', '*.a.example', 'xn--bcher-kva.example'])
    expect(warning).toBeUndefined()
  })

  test('may have a chain', async () => {
    const root = await makeCertificate(['root'], { ca: true, subject: 'CN=root' })
    const between = await makeCertificate(['between'], {
      ca: true,
      issuer: root,
      keys: await newKeys(),
      subject: 'CN=between',
    })
    const leaf = await makeCertificate(['a.example'], { issuer: between, keys: await newKeys() })
    const chain = { cert: leaf.cert + between.cert, key: leaf.key }
    expect(readCertificate(chain, FILE).warning).toContain('CN=root')
    expect(readCertificate({ ...chain, cert: chain.cert + root.cert }, FILE).warning).toBeUndefined()
    expect(readCertificate(leaf, FILE).warning).toContain('append the intermediate certificates')
  })
})

describe('a fault names the file and the remedy', () => {
  test.each([
    [
      'no-certificate',
      /no certificate in PEM/,
      async () => ({ ...(await makeCertificate(['a'])), cert: 'hello' }),
    ],
    [
      'unreadable',
      /copy the file again/,
      async () => ({
        ...(await makeCertificate(['a'])),
        cert: '-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----',
      }),
    ],
    [
      'no-key',
      /wanted PEM/,
      async () => ({ ...(await makeCertificate(['a'])), key: '-----BEGIN PRIVATE KEY-----\nAAAA' }),
    ],
    [
      'no-key',
      /passphrase/,
      async () => {
        const key = generateKeyPairSync('ec', {
          namedCurve: 'P-256',
          publicKeyEncoding: { type: 'spki', format: 'pem' },
          privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
        }).privateKey
        return { ...(await makeCertificate(['a'])), key }
      },
    ],
    [
      'key-mismatch',
      /does not belong/,
      async () => ({
        ...(await makeCertificate(['a'])),
        key: (await makeCertificate(['a'], { keys: await newKeys() })).key,
      }),
    ],
    ['no-names', /subjectAltName/, () => makeCertificate([])],
    [
      'chain-order',
      /order them/,
      async () => {
        const pair = await makeCertificate(['a'])
        return { ...pair, cert: pair.cert + (await makeCertificate(['b'])).cert }
      },
    ],
  ])('%s: %s', async (fault, remedy, pair) => {
    let thrown: unknown
    try {
      readCertificate(await pair(), FILE)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'BL_CERTIFICATE', fault, origin: FILE })
    expect((thrown as Error).message).toMatch(/^\/tls\/a\.crt: /)
    expect((thrown as Error).message).toMatch(remedy)
  })

  test('expired, and not yet valid', async () => {
    const certificate = readCertificate(await makeCertificate(['a']), FILE)
    expect(validityFault(certificate, Date.now())).toBeUndefined()
    expect(validityFault(certificate, certificate.notAfterMs)?.fault).toBe('expired')
    expect(validityFault(certificate, certificate.notBeforeMs - 1)?.message).toContain('check the clock')
  })
})

function attempt<T>(read: () => T): T | Error {
  try {
    return read()
  } catch (error) {
    return error as Error
  }
}

test('any text is read, or refused with a fault', async () => {
  const pair = await makeCertificate(['a.test'])
  const cut = fc.nat(pair.cert.length).map((at) => pair.cert.slice(0, at) + pair.cert.slice(at + 3))
  const text = fc.oneof(fc.string(), cut, fc.constant(pair.cert))
  fc.assert(
    fc.property(text, fc.oneof(fc.string(), fc.constant(pair.key)), (cert, key) => {
      const result = attempt(() => readCertificate({ cert, key }, FILE))
      expect(result instanceof CertificateError || 'names' in result).toBe(true)
    }),
  )
})
