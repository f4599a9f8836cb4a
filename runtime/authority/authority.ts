import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { Issuer } from './issue.ts'
import type { KeyPair } from './keys.ts'
import { AuthorityError } from './errors.ts'
import { readStored, storeOnce } from './storage.ts'

/** An authority for development, which issues certificates for the names of one domain. */
export interface Authority {
  readonly domain: string
  /** Its common name, which differs between all authorities, such as `Branchline CA for localhost 1a2b3c4d`. */
  readonly name: string
  /** The path of the certificate, which clients must trust. */
  readonly file: string
  /** PEM. */
  readonly certificate: string
  /** SHA-256, as pairs of hexadecimal digits with colons, as browsers show it. */
  readonly fingerprint: string
  readonly notAfterMs: number
  /** Whether this call has made it. */
  readonly isNew: boolean
  /** Issues a certificate for names of the domain, and for loopback addresses. It is valid for 30 days. */
  issue(names: readonly string[], nowMs?: number): Promise<KeyPair>
}

/**
 * Reads the authority of a folder, and makes it first where there is none. Its key is readable only by the user. Several
 * processes may do this at the same time: all get the same one. Rejects with an {@link AuthorityError}.
 */
export async function openAuthority(folder: string, domain: string, nowMs = Date.now()): Promise<Authority> {
  const known = await readStored(folder)
  if (known !== undefined) return authorityOf(folder, domain, known, false, nowMs)
  const { createAuthority } = await import('./create.ts')
  const { pair, isNew } = await storeOnce(folder, await createAuthority(domain, nowMs))
  return authorityOf(folder, domain, pair, isNew, nowMs)
}

/** Reads the authority of a folder; undefined if there is none. Rejects with an {@link AuthorityError}. */
export async function readAuthority(
  folder: string,
  domain: string,
  nowMs = Date.now(),
): Promise<Authority | undefined> {
  const known = await readStored(folder)
  return known === undefined ? undefined : authorityOf(folder, domain, known, false, nowMs)
}

function authorityOf(
  folder: string,
  domain: string,
  pair: KeyPair,
  isNew: boolean,
  nowMs: number,
): Authority {
  const parsed = parsedPair(folder, pair)
  if (parsed.validToDate.getTime() <= nowMs) {
    throw new AuthorityError(`${folder}: the authority expired on ${parsed.validTo}; ${REPLACE}`)
  }
  let issuer: Promise<Issuer> | undefined
  return {
    domain,
    name: /CN=(.*)/.exec(parsed.subject)?.[1] ?? '',
    file: join(folder, 'ca.crt'),
    certificate: pair.cert,
    fingerprint: parsed.fingerprint256,
    notAfterMs: parsed.validToDate.getTime(),
    isNew,
    async issue(names, at = Date.now()) {
      issuer ??= import('./issue.ts').then(({ Issuer }) => Issuer.open(pair))
      return (await issuer).issue(names, at)
    },
  }
}

const REPLACE = 'run `branchline trust --uninstall`, delete the folder, and run `branchline trust --install`'

function parsedPair(folder: string, { cert, key }: KeyPair): X509Certificate {
  let matches: boolean
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(cert)
    matches = parsed.checkPrivateKey(createPrivateKey(key))
  } catch (cause) {
    throw new AuthorityError(`${folder}: ca.crt or ca.key cannot be read; ${REPLACE}`, { cause })
  }
  if (!matches) throw new AuthorityError(`${folder}: ca.key is not the key of ca.crt; ${REPLACE}`)
  return parsed
}
