import { expect, test } from 'vitest'
import { VariableReader } from '../../../process/config.ts'
import { readHttpsConfig } from './config.ts'

const read = (variables: Record<string, string>) => {
  const reader = new VariableReader(variables)
  const config = readHttpsConfig(reader)
  reader.check()
  return config
}

test('a source of certificates opens the listener with TLS', () => {
  expect(read({})).toBeUndefined()
  expect(read({ BRANCHLINE_TLS_DIR: '/tls' })).toMatchObject({
    certificates: { folder: '/tls', isSelfSigned: false },
    port: 8443,
    redirect: false,
    hstsSeconds: undefined,
  })
  expect(read({ BRANCHLINE_SELF_SIGNED: 'on', BRANCHLINE_HTTPS_PORT: '0' })?.port).toBe(0)
})

const ACME = {
  BRANCHLINE_ACME_TERMS: 'agreed',
  BRANCHLINE_ACME_NAMES: 'a.example',
  BRANCHLINE_STATE_DIR: '/state',
}

test("ACME orders of Let's Encrypt, in the state directory, unless told otherwise", () => {
  expect(
    read({ ...ACME, BRANCHLINE_ACME_NAMES: 'A.example, b.example,a.example' })?.certificates.acme,
  ).toEqual({
    url: 'https://acme-v02.api.letsencrypt.org/directory',
    names: ['a.example', 'b.example'],
    isOnDemand: false,
    email: undefined,
    dnsHook: undefined,
    caFile: undefined,
    folder: '/state/acme',
  })
  expect(read({ ...ACME, BRANCHLINE_ACME_DIR: '/shared' })?.certificates.acme?.folder).toBe('/shared')
})

test.each([
  [{ BRANCHLINE_HTTPS_PORT: '443' }, 'BRANCHLINE_HTTPS_PORT needs certificates'],
  [{ BRANCHLINE_HTTPS_REDIRECT: 'on' }, 'BRANCHLINE_HTTPS_REDIRECT needs certificates'],
  [{ BRANCHLINE_HSTS_SECONDS: '1' }, 'BRANCHLINE_HSTS_SECONDS needs certificates'],
  [{ BRANCHLINE_TLS_DIR: 'tls' }, 'absolute path'],
  [{ BRANCHLINE_SELF_SIGNED: 'yes' }, 'wanted one of on, off'],
  [{ BRANCHLINE_TLS_DIR: '/tls', BRANCHLINE_HTTPS_PORT: '70000' }, 'from 0 to 65535'],
  [{ BRANCHLINE_ACME_NAMES: 'a.example' }, 'BRANCHLINE_ACME_NAMES needs BRANCHLINE_ACME_TERMS=agreed'],
  [{ ...ACME, BRANCHLINE_ACME_NAMES: '' }, 'BRANCHLINE_ACME_NAMES is missing'],
  [{ ...ACME, BRANCHLINE_STATE_DIR: '' }, 'must survive a restart'],
  [{ ...ACME, BRANCHLINE_ACME_NAMES: '*.a.example' }, 'needs BRANCHLINE_ACME_DNS_HOOK'],
  [{ ...ACME, BRANCHLINE_ACME_NAMES: 'a.example,10.0.0.1' }, '"10.0.0.1" is not a DNS name'],
  [{ ...ACME, BRANCHLINE_ACME_URL: 'http://acme.example' }, 'wanted the https:// URL'],
  [{ ...ACME, BRANCHLINE_ACME_DNS_HOOK: 'hook --x' }, 'not an absolute path'],
  [{ ...ACME, BRANCHLINE_ACME_EMAIL: 'me' }, 'not an address of e-mail'],
])('%j is a fault', (variables, message) => {
  expect(() => read(variables)).toThrow(message)
})
