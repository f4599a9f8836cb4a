import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'

/** Whether certificates can be made for tests. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

export interface TestCertificate {
  readonly cert: string
  readonly context: SecureContext
}

/** Makes a self-signed certificate for these names. */
export function certificateFor(...names: readonly string[]): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const san = names.map((name) => `DNS:${name}`).join(',')
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ]
    const wanted = ['-subj', '/CN=test', '-addext', `subjectAltName=${san}`, '-keyout', key, '-out', cert]
    execFileSync('openssl', [...made, ...wanted], { stdio: 'ignore' })
    const text = readFileSync(cert, 'utf8')
    return { cert: text, context: createSecureContext({ cert: text, key: readFileSync(key) }) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
