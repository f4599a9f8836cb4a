import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Host } from './host.ts'
import { done, type Outcome, toDo, type TrustedAuthority, type TrustStore } from './store.ts'

/** Where browsers keep their databases of certificates, below the home folder. */
const DATABASES: readonly (readonly [browser: string, pattern: string])[] = [
  ['Chromium and Chrome', '.pki/nssdb/cert9.db'],
  ['Chromium (snap)', 'snap/chromium/current/.pki/nssdb/cert9.db'],
  ['Firefox', '.mozilla/firefox/*/cert9.db'],
  ['Firefox', '.config/mozilla/firefox/*/cert9.db'],
  ['Firefox (snap)', 'snap/firefox/common/.mozilla/firefox/*/cert9.db'],
]

/** Finds the databases of the browsers of this user. They do not read the store of the system on Linux. */
export function browserStores(host: Host): TrustStore[] {
  return DATABASES.flatMap(([browser, pattern]) =>
    globSync(pattern, { cwd: host.home }).map((file) => {
      const folder = join(host.home, dirname(file))
      const title = pattern.includes('*') ? `${browser}, profile ${basename(folder)}` : browser
      return new NssStore(host, title, folder)
    }),
  )
}

const MISSING =
  'certutil is missing: install libnss3-tools (Debian, Ubuntu), nss-tools (Fedora) or nss (Arch), and run this again'

/** A database of NSS. A browser that runs sees a change after its restart. */
class NssStore implements TrustStore {
  readonly title: string
  readonly #host: Host
  readonly #database: string

  constructor(host: Host, title: string, folder: string) {
    this.#host = host
    this.title = title
    this.#database = `sql:${folder}`
  }

  async has({ name }: TrustedAuthority): Promise<boolean> {
    return (await this.#names())?.includes(name) === true
  }

  async install(authority: TrustedAuthority): Promise<Outcome> {
    const names = await this.#names()
    if (names === undefined) return toDo(MISSING)
    if (names.includes(authority.name)) return done('installed')
    // C: trusted to issue certificates of servers.
    const added = await this.#certutil('-A', '-t', 'C,,', '-n', authority.name, '-i', authority.file)
    return added?.code === 0
      ? done('installed; restart the browser if it runs')
      : toDo(`certutil failed: ${added?.text}`)
  }

  async uninstall(domain: string): Promise<Outcome> {
    const names = await this.#names()
    if (names === undefined) return toDo(MISSING)
    const ours = names.filter((name) => isFor(name, domain))
    for (const name of ours) {
      const removed = await this.#certutil('-D', '-n', name)
      if (removed?.code !== 0) return toDo(`certutil failed: ${removed?.text}`)
    }
    return done(ours.length === 0 ? 'not installed' : 'removed')
  }

  /** The names of all certificates; undefined if certutil is missing, or fails. */
  async #names(): Promise<string[] | undefined> {
    const listed = await this.#certutil('-L')
    if (listed?.code !== 0) return undefined
    // A name, spaces, and three groups of flags.
    return listed.text
      .split('\n')
      .flatMap((line) => /^(.*\S)\s+[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*\s*$/.exec(line)?.[1] ?? [])
  }

  #certutil(command: string, ...args: string[]): ReturnType<Host['run']> {
    return this.#host.run('certutil', [command, '-d', this.#database, ...args])
  }
}

/** Returns whether a name is that of an authority for a domain. */
const isFor = (name: string, domain: string): boolean => {
  const prefix = `Branchline CA for ${domain}`.slice(0, 55)
  return name.startsWith(`${prefix} `) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length + 1))
}
