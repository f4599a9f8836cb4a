/** Certificates in a folder, presented in real handshakes, and replaced while connections are open. */
import { once } from 'node:events'
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { type CertificateOptions, startCertificates } from './certificates.ts'
import {
  collectingLogger,
  connect,
  makeCertificate,
  newFolder,
  presented,
  serveTls,
  writePair,
} from './fixture.ts'

afterEach(cleanUp)

const LIMITS = { settleMs: 20 }

async function open(
  options: Partial<CertificateOptions> & { folder?: string; isSelfSigned?: boolean; dataHome?: string } = {},
) {
  const { folder, isSelfSigned = false, dataHome, ...rest } = options
  const { lines, logger } = collectingLogger()
  const certificates = await startCertificates({
    config: { folder, isSelfSigned, dataHome, acme: undefined },
    domain: 'preview.test',
    logger,
    limits: LIMITS,
    ...rest,
  })
  later(() => certificates.stop())
  return { certificates, lines, port: await serveTls(certificates) }
}

describe('a folder', () => {
  test('has pairs of files and subfolders, and a default', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['a.test']))
    await writePair(folder, 'wild', await makeCertificate(['*.preview.test']))
    await mkdir(join(folder, 'secret'))
    await writePair(join(folder, 'secret'), 'tls', await makeCertificate(['secret.test']))
    await writeFile(join(folder, 'README'), 'not a certificate')
    const { port } = await open({ folder })
    expect(await presented(port, 'a.test')).toBe('DNS:a.test')
    expect(await presented(port, 'SECRET.test')).toBe('DNS:secret.test')
    expect(await presented(port, 'x.preview.test')).toBe('DNS:*.preview.test')
    expect(await presented(port, 'unknown.test')).toBe('DNS:*.preview.test')
  })

  test('may name its default', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['*.preview.test']))
    await writePair(folder, 'default', await makeCertificate(['z.test']))
    const { port } = await open({ folder })
    expect(await presented(port, 'unknown.test')).toBe('DNS:z.test')
  })

  test('a new certificate is presented, and open connections stay', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['a.test', 'old.test']))
    const { port } = await open({ folder })
    const before = await connect(port, 'a.test')
    await writePair(folder, 'a', await makeCertificate(['a.test', 'new.test']))
    await until(async () => (await presented(port, 'a.test')) === 'DNS:a.test, DNS:new.test')
    before.write('still here')
    expect(String((await once(before, 'data'))[0])).toBe('still here')
    expect(before.getPeerCertificate().subjectaltname).toBe('DNS:a.test, DNS:old.test')
  })

  test('certificates are added and removed while it is watched', async () => {
    const folder = await newFolder()
    await writePair(folder, 'default', await makeCertificate(['default.test']))
    const { port } = await open({ folder })
    await mkdir(join(folder, 'added'))
    await writePair(join(folder, 'added'), 'tls', await makeCertificate(['added.test']))
    await until(async () => (await presented(port, 'added.test')) === 'DNS:added.test')
    await rm(join(folder, 'added'), { recursive: true })
    const names = (): Promise<string | undefined> => presented(port, 'added.test')
    expect(await until(async () => (await names()) === 'DNS:default.test')).toBe(true)
  })

  test('follows a mounted Secret, which Kubernetes swaps by the link ..data', async () => {
    const folder = await newFolder()
    const secret = join(folder, 'secret')
    const issue = async (version: string, name: string): Promise<void> => {
      await mkdir(join(secret, version), { recursive: true })
      await writePair(join(secret, version), 'tls', await makeCertificate(['a.test', name]))
      await symlink(version, join(secret, '..data_tmp'))
      await rename(join(secret, '..data_tmp'), join(secret, '..data'))
    }
    await issue('..2026_1', 'first.test')
    await symlink('..data/tls.crt', join(secret, 'tls.crt'))
    await symlink('..data/tls.key', join(secret, 'tls.key'))
    const { port } = await open({ folder })
    expect(await presented(port, 'a.test')).toContain('first.test')
    await issue('..2026_2', 'second.test')
    await rm(join(secret, '..2026_1'), { recursive: true })
    await until(async () => (await presented(port, 'a.test'))?.includes('second.test'))
    const { port: direct } = await open({ folder: secret })
    expect(await presented(direct, 'a.test')).toContain('second.test')
    await issue('..2026_3', 'third.test')
    await until(async () => (await presented(direct, 'a.test'))?.includes('third.test'))
  })
})

describe('a bad reload keeps what works', () => {
  const CASES: readonly [string, string, (folder: string) => Promise<void>][] = [
    [
      'the key of another certificate',
      'key-mismatch',
      async (folder) => {
        const { newKeys } = await import('../../../authority/keys.ts')
        await writeFile(
          join(folder, 'a.key'),
          (await makeCertificate(['a.test'], { keys: await newKeys() })).key,
        )
      },
    ],
    [
      'an expired certificate',
      'expired',
      async (folder) => {
        await writePair(folder, 'a', await makeCertificate(['a.test', 'bad.test'], { from: -9, until: -1 }))
      },
    ],
    [
      'half a file',
      'no-certificate',
      (folder) => writeFile(join(folder, 'a.crt'), '-----BEGIN CERTIFICATE-----\nMII'),
    ],
    ['no key', 'no-key', (folder) => rm(join(folder, 'a.key'))],
    [
      'a file that is too large',
      'unreadable',
      (folder) => writeFile(join(folder, 'a.crt'), Buffer.alloc(2_000_000, 'x')),
    ],
    ['no folder', 'unreadable', (folder) => rename(folder, `${folder}-moved`)],
  ]

  test.each(CASES)('%s', async (_title, fault, spoil) => {
    const folder = join(await newFolder(), 'tls')
    await mkdir(folder)
    const good = await makeCertificate(['a.test', 'good.test'])
    await writePair(folder, 'a', good)
    const { port, lines, certificates } = await open({ folder })
    await spoil(folder)
    const line = await until(() => lines.find(({ fields }) => fields['fault'] === fault))
    expect(line.level).toBe('warn')
    expect(line.fields['problem']).toContain(folder)
    expect(JSON.stringify(lines)).not.toContain('PRIVATE KEY')
    expect(await presented(port, 'a.test')).toBe('DNS:a.test, DNS:good.test')
    expect(certificates.metrics()).toContain('branchline_relay_certificate_faults 1\n')
  })

  test('and the corrected file is presented', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['a.test', 'good.test']))
    const { port, lines, certificates } = await open({ folder })
    await writeFile(join(folder, 'a.crt'), 'x')
    await until(() => lines.find(({ fields }) => fields['fault'] === 'no-certificate'))
    await writePair(folder, 'a', await makeCertificate(['a.test', 'better.test']))
    await until(async () => (await presented(port, 'a.test')) === 'DNS:a.test, DNS:better.test')
    expect(certificates.metrics()).toContain('branchline_relay_certificate_faults 0\n')
  })
})

test('one certificate with a fault does not affect the others, and an expired one is better than none', async () => {
  const folder = await newFolder()
  await writePair(folder, 'bad', { cert: 'x', key: 'y' })
  await writePair(folder, 'old', await makeCertificate(['old.test'], { from: -9, until: -1 }))
  await writePair(folder, 'good', await makeCertificate(['good.test']))
  const { port } = await open({ folder })
  expect(await presented(port, 'good.test')).toBe('DNS:good.test')
  expect(await presented(port, 'old.test')).toBe('DNS:old.test')
})

test('a folder that does not exist yet is a fault, and is read once it is there', async () => {
  const folder = join(await newFolder(), 'later')
  const { port, lines } = await open({ folder, limits: { ...LIMITS, rescanMs: 20 } })
  expect(lines.some(({ fields }) => fields['fault'] === 'unreadable')).toBe(true)
  await mkdir(folder)
  await writePair(folder, 'a', await makeCertificate(['a.test']))
  await until(() =>
    presented(port, 'a.test').then(
      (names) => names === 'DNS:a.test',
      () => false,
    ),
  )
})

describe('expiry', () => {
  test('is a metric, and a warning once a day', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['a.test'], { from: -80, until: 10 }))
    await writePair(folder, 'b', await makeCertificate(['b.test'], { until: 80 }))
    let ahead = 0
    const now = (): number => Date.now() + ahead
    const { lines, certificates } = await open({ folder, now, limits: { ...LIMITS, checkMs: 5 } })
    const warnings = () => lines.filter(({ message }) => message.startsWith('certificate expires soon'))
    expect(warnings().map(({ fields }) => fields['host'])).toEqual(['a.test'])
    expect(certificates.metrics()).toMatch(
      /expiry_timestamp_seconds\{certificate="a\.test"\} \d+\n.*b\.test/s,
    )
    ahead = 86_400_000
    await until(() => warnings().length === 2)
    ahead = 79 * 86_400_000
    await until(() => warnings().length === 4)
    expect(certificates.metrics()).toContain('branchline_relay_certificate_faults 1\n')
  })
})

describe('certificates for development', () => {
  test('are issued at the first handshake for a name of the domain', async () => {
    const dataHome = await newFolder()
    const { port, certificates, lines } = await open({ isSelfSigned: true, dataHome })
    expect(await presented(port, 'web--alice.preview.test')).toBe('DNS:web--alice.preview.test')
    expect(await presented(port, 'other.example')).toContain('DNS:preview.test, IP Address:127.0.0.1')
    // Without a name, the answer comes at once: a handshake cannot wait there.
    expect(certificates.secureContextFor(undefined)).not.toBeInstanceOf(Promise)
    expect(certificates.secureContextFor('web--alice.preview.test')).not.toBeInstanceOf(Promise)
    expect(lines[0]?.fields['file']).toBe(join(dataHome, 'branchline/authority/preview.test/ca.crt'))
    const ca = lines[0]?.fields['file'] as string
    const { readFile } = await import('node:fs/promises')
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: 'a.preview.test',
      ca: await readFile(ca),
    })
    later(() => void socket.destroy())
    await once(socket, 'secureConnect')
  })

  test('come after those of other sources', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate(['a.preview.test', 'real.test']))
    const dataHome = await newFolder()
    const { port } = await open({ folder, isSelfSigned: true, dataHome })
    expect(await presented(port, 'a.preview.test')).toContain('real.test')
    expect(await presented(port, 'b.preview.test')).toBe('DNS:b.preview.test')
  })

  test('an authority that cannot be used is an error of the start', async () => {
    const dataHome = await newFolder()
    await open({ isSelfSigned: true, dataHome })
    await chmod(join(dataHome, 'branchline/authority/preview.test/ca.key'), 0o644)
    await expect(open({ isSelfSigned: true, dataHome })).rejects.toMatchObject({
      code: 'BL_AUTHORITY',
    })
  })
})
