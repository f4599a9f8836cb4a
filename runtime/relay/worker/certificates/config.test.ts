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

test.each([
  [{ BRANCHLINE_HTTPS_PORT: '443' }, 'BRANCHLINE_HTTPS_PORT needs certificates'],
  [{ BRANCHLINE_HTTPS_REDIRECT: 'on' }, 'BRANCHLINE_HTTPS_REDIRECT needs certificates'],
  [{ BRANCHLINE_HSTS_SECONDS: '1' }, 'BRANCHLINE_HSTS_SECONDS needs certificates'],
  [{ BRANCHLINE_TLS_DIR: 'tls' }, 'absolute path'],
  [{ BRANCHLINE_SELF_SIGNED: 'yes' }, 'wanted one of on, off'],
  [{ BRANCHLINE_TLS_DIR: '/tls', BRANCHLINE_HTTPS_PORT: '70000' }, 'from 0 to 65535'],
])('%j is a fault', (variables, message) => {
  expect(() => read(variables)).toThrow(message)
})
