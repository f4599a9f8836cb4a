import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { listenOn } from '../testing/ports.ts'
import { openAuthority, readAuthority } from './authority.ts'
import { authorityFolder, isAuthorityDomain } from './folder.ts'
import type { KeyPair } from './keys.ts'

afterEach(cleanUp)
const run = promisify(execFile)

async function folder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'branchline-authority-'))
  later(() => rm(parent, { recursive: true }))
  return join(parent, 'deep', 'localhost')
}

async function serve(pair: KeyPair): Promise<number> {
  const server = createServer(pair, (_request, response) => void response.end('hello'))
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  server.on('tlsClientError', () => {})
  return await listenOn(server)
}

/** Resolves if a client that trusts `ca` accepts the certificate for a name. */
async function accept(pair: KeyPair, ca: string, servername: string): Promise<void> {
  const socket = tls.connect({ host: '127.0.0.1', port: await serve(pair), ca, servername })
  later(() => socket.destroy())
  await once(socket, 'secureConnect')
}

describe('the folder', () => {
  test('is in the data folder of the user', () => {
    expect(authorityFolder('localhost', '/data')).toBe('/data/branchline/authority/localhost')
    expect(authorityFolder('localhost', 'relative')).toMatch(
      /\.local\/share\/branchline\/authority\/localhost$/,
    )
  })

  test.each(['', '..', '.', 'a/b', 'a..b', 'A.b', '-a', 'a'.repeat(64)])('%j is no domain', (domain) => {
    expect(isAuthorityDomain(domain)).toBe(false)
    expect(() => authorityFolder(domain, undefined)).toThrow(RangeError)
  })
})

describe('an authority', () => {
  test('is made once, and only the user can read its key', async () => {
    const place = await folder()
    expect(await readAuthority(place, 'localhost')).toBeUndefined()
    const [first, second] = await Promise.all([
      openAuthority(place, 'localhost'),
      openAuthority(place, 'localhost'),
    ])
    expect([first.isNew, second.isNew].filter(Boolean)).toHaveLength(1)
    expect(second.fingerprint).toBe(first.fingerprint)
    expect((await readAuthority(place, 'localhost'))?.fingerprint).toBe(first.fingerprint)
    expect((await stat(join(place, 'ca.key'))).mode & 0o777).toBe(0o600)
    expect(await readFile(first.file, 'utf8')).toBe(first.certificate)
    expect(new X509Certificate(first.certificate).ca).toBe(true)
  })

  test('issues certificates that clients accept', async () => {
    const authority = await openAuthority(await folder(), 'localhost')
    const pair = await authority.issue(['web--alice.localhost', '127.0.0.1'])
    await accept(pair, authority.certificate, 'web--alice.localhost')
    await expect(accept(pair, authority.certificate, 'other.localhost')).rejects.toThrow('altnames')
  })

  // A stolen key must be of no use against other sites.
  test.each(['bank.example', 'notlocalhost', '10.0.0.1'])(
    'clients refuse its certificate for %s',
    async (name) => {
      const authority = await openAuthority(await folder(), 'localhost')
      const pair = await authority.issue([name, 'web.localhost'])
      await expect(accept(pair, authority.certificate, 'web.localhost')).rejects.toThrow(
        'permitted subtree violation',
      )
    },
  )

  test('curl and openssl accept its certificates', async ({ skip }) => {
    const authority = await openAuthority(await folder(), 'preview.test')
    const pair = await authority.issue(['a.preview.test'])
    const port = await serve(pair)
    const url = `https://a.preview.test:${port}`
    const curl = run('curl', [
      '-sS',
      '--cacert',
      authority.file,
      '--resolve',
      `a.preview.test:${port}:127.0.0.1`,
      url,
    ])
    const { stdout } = await curl.catch((error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? skip('there is no curl') : Promise.reject(error),
    )
    expect(stdout).toBe('hello')
    const leaf = join(authority.file, '..', 'leaf.pem')
    await writeFile(leaf, pair.cert)
    const checked = await run('openssl', ['verify', '-x509_strict', '-CAfile', authority.file, leaf]).catch(
      (error: NodeJS.ErrnoException) =>
        error.code === 'ENOENT' ? skip('there is no openssl') : Promise.reject(error),
    )
    expect(checked.stdout).toContain('OK')
  })
})

describe('an authority that cannot be used', () => {
  test.each([
    [
      'a key of another authority',
      'ca.key is not the key of ca.crt',
      async (place: string) => {
        await writeFile(join(place, 'ca.crt'), (await openAuthority(`${place}-2`, 'localhost')).certificate)
      },
    ],
    ['a missing key', 'ca.key is missing', (place: string) => rm(join(place, 'ca.key'))],
    ['a key that others can read', 'chmod 600', (place: string) => chmod(join(place, 'ca.key'), 0o644)],
    [
      'text that is no certificate',
      'cannot be read',
      (place: string) => writeFile(join(place, 'ca.crt'), 'x'),
    ],
  ])('%s', async (_title, message, spoil) => {
    const place = await folder()
    await openAuthority(place, 'localhost')
    await spoil(place)
    await expect(openAuthority(place, 'localhost')).rejects.toMatchObject({
      code: 'BL_AUTHORITY',
      message: expect.stringContaining(message) as string,
    })
  })

  test('it has expired', async () => {
    const place = await folder()
    await openAuthority(place, 'localhost')
    await expect(openAuthority(place, 'localhost', Date.now() + 11 * 365 * 86_400_000)).rejects.toThrow(
      'expired',
    )
  })
})
