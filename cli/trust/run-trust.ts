import { openAuthority, readAuthority } from '@branchline/runtime/authority/authority'
import { authorityFolder, isAuthorityDomain } from '@branchline/runtime/authority/folder'
import { CliError } from '../platform/errors.ts'
import type { Host } from './host.ts'
import { browserStores } from './nss-store.ts'
import type { Outcome, TrustedAuthority, TrustStore } from './store.ts'
import { quoted, systemStore } from './system-store.ts'

export interface TrustOptions {
  readonly domain: string
  readonly install?: boolean
  readonly uninstall?: boolean
}

/** What the command prints, and its exit code: 1 if something is left to do. */
export interface TrustResult {
  readonly text: string
  readonly exitCode: number
}

/**
 * Runs `branchline trust`. Without an option it only reads the stores, and makes the authority if there is none.
 * `dataHome` is the value of XDG_DATA_HOME. Rejects with a {@link CliError}, or an AuthorityError.
 */
export async function runTrust(
  options: TrustOptions,
  host: Host,
  dataHome: string | undefined,
): Promise<TrustResult> {
  const domain = options.domain.toLowerCase().replace(/\.$/, '')
  if (!isAuthorityDomain(domain))
    throw new CliError('BL_USAGE', `--domain is ${JSON.stringify(options.domain)}: wanted a domain`)
  if (options.install === true && options.uninstall === true)
    throw new CliError('BL_USAGE', '--install and --uninstall exclude each other')
  const folder = authorityFolder(domain, dataHome)
  const stores = storesOf(host)
  if (options.uninstall === true) {
    const results = await each(stores, (store) => store.uninstall(domain))
    const authority = await readAuthority(folder, domain).catch(() => undefined)
    const kept =
      authority === undefined
        ? ''
        : `The authority itself stays in ${folder}. Delete the folder if you do not need it.\n`
    return { text: `${table(results)}${kept}`, exitCode: exitCodeOf(results) }
  }
  const authority = await openAuthority(folder, domain)
  const head = headOf(authority)
  if (options.install === true) {
    const results = await each(stores, (store) => store.install(authority))
    return { text: `${head}${table(results)}${manual(host, authority)}`, exitCode: exitCodeOf(results) }
  }
  const results = await each(stores, (store) => stateOf(store, authority))
  return { text: `${head}${table(results)}${manual(host, authority)}${usage(authority)}`, exitCode: 0 }
}

function storesOf(host: Host): TrustStore[] {
  if (host.platform !== 'linux') return []
  const system = systemStore(host)
  return [...(system === undefined ? [] : [system]), ...browserStores(host)]
}

type Results = readonly (readonly [title: string, outcome: Outcome])[]

/** One after the other, because certutil locks its database. */
async function each(
  stores: readonly TrustStore[],
  act: (store: TrustStore) => Promise<Outcome>,
): Promise<Results> {
  const results: [string, Outcome][] = []
  for (const store of stores) results.push([store.title, await act(store)])
  return results
}

async function stateOf(store: TrustStore, authority: TrustedAuthority): Promise<Outcome> {
  const isInstalled = await store.has(authority)
  return { isDone: isInstalled, text: isInstalled ? 'installed' : 'not installed' }
}

const exitCodeOf = (results: Results): number => (results.every(([, { isDone }]) => isDone) ? 0 : 1)

function headOf({
  file,
  domain,
  fingerprint,
  notAfterMs,
}: Awaited<ReturnType<typeof openAuthority>>): string {
  const rows = [
    ['authority', file],
    ['for', `${domain} and all names below it, and loopback addresses`],
    ['SHA-256', fingerprint],
    ['valid until', new Date(notAfterMs).toISOString().slice(0, 10)],
  ] as const
  return `${rows.map(([title, text]) => `${`${title}:`.padEnd(13)}${text}\n`).join('')}\n`
}

function table(results: Results): string {
  if (results.length === 0) return 'This command knows no store of trusted authorities on this system.\n'
  return results.map(([title, { text }]) => `${title}: ${text}\n`).join('')
}

/** What to do where this command changes nothing. */
function manual({ platform }: Host, { file, name }: TrustedAuthority): string {
  if (platform === 'darwin') {
    const keychain = '~/Library/Keychains/login.keychain-db'
    return (
      `To install it: security add-trusted-cert -r trustRoot -k ${keychain} ${quoted(file)}\n` +
      `To remove it:  security delete-certificate -c ${quoted(name)} -t ${keychain}\n`
    )
  }
  if (platform === 'win32') {
    return `To install it: certutil -user -addstore Root "${file}"\nTo remove it:  certutil -user -delstore Root "${name}"\n`
  }
  return ''
}

const usage = ({ file }: TrustedAuthority): string =>
  '\n`branchline trust --install` installs it. Without that, single programs can trust it:\n' +
  `  curl --cacert ${quoted(file)} …\n` +
  `  NODE_EXTRA_CA_CERTS=${quoted(file)} node …\n` +
  `  SSL_CERT_FILE=${quoted(file)} …      (Go, Python, Ruby: only this authority)\n`
