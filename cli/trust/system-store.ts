import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Host } from './host.ts'
import { done, type Outcome, toDo, type TrustedAuthority, type TrustStore } from './store.ts'

/** How a kind of Linux system keeps the authorities that its user adds. */
interface Anchors {
  readonly folder: string
  /** The command that takes over a new file of the folder. */
  readonly add: Command
  /** The command that takes over that a file is gone. */
  readonly remove: Command
}

type Command = readonly [program: string, ...args: string[]]

/** Without --fresh, links to the removed file would stay in /etc/ssl/certs. */
const DEBIAN = { add: ['update-ca-certificates'], remove: ['update-ca-certificates', '--fresh'] } as const
const FEDORA = { add: ['update-ca-trust', 'extract'], remove: ['update-ca-trust', 'extract'] } as const

const ANCHORS: readonly Anchors[] = [
  // Debian, Ubuntu, Alpine
  { folder: 'usr/local/share/ca-certificates', ...DEBIAN },
  // Fedora, RHEL
  { folder: 'etc/pki/ca-trust/source/anchors', ...FEDORA },
  // Arch
  { folder: 'etc/ca-certificates/trust-source/anchors', ...FEDORA },
  // openSUSE
  { folder: 'etc/pki/trust/anchors', ...DEBIAN },
]

/** Finds the store of a Linux system; undefined if this system keeps none of the known ones. */
export function systemStore(host: Host): TrustStore | undefined {
  const anchors = ANCHORS.find(({ folder }) => existsSync(join(host.root, folder)))
  return anchors === undefined ? undefined : new SystemStore(host, anchors)
}

class SystemStore implements TrustStore {
  readonly title = 'system'
  readonly #host: Host
  readonly #anchors: Anchors

  constructor(host: Host, anchors: Anchors) {
    this.#host = host
    this.#anchors = anchors
  }

  async has({ domain, certificate }: TrustedAuthority): Promise<boolean> {
    return (await readFile(this.#fileOf(domain), 'utf8').catch(() => '')) === certificate
  }

  async install(authority: TrustedAuthority): Promise<Outcome> {
    if (await this.has(authority)) return done('installed')
    const { add } = this.#anchors
    const file = this.#fileOf(authority.domain)
    if (!this.#host.isRoot) {
      const copy = `sudo install -m 644 ${quoted(authority.file)} ${quoted(file)}`
      return toDo(`run: ${copy} && sudo ${add.join(' ')}`)
    }
    await writeFile(file, authority.certificate, { mode: 0o644 })
    const outcome = await this.#update(add, 'installed')
    // So that the next attempt does not take it for installed.
    if (!outcome.isDone) await rm(file, { force: true })
    return outcome
  }

  async uninstall(domain: string): Promise<Outcome> {
    const { remove } = this.#anchors
    const file = this.#fileOf(domain)
    if (!existsSync(file)) return done('not installed')
    if (!this.#host.isRoot) return toDo(`run: sudo rm ${quoted(file)} && sudo ${remove.join(' ')}`)
    await rm(file, { force: true })
    return await this.#update(remove, 'removed')
  }

  #fileOf(domain: string): string {
    return join(this.#host.root, this.#anchors.folder, `branchline-${domain}.crt`)
  }

  async #update(command: Command, text: string): Promise<Outcome> {
    const [program, ...args] = command
    const result = await this.#host.run(program, args)
    if (result === undefined) return toDo(`${program} is not installed: install the package ca-certificates`)
    return result.code === 0 ? done(text) : toDo(`${command.join(' ')} failed: ${result.text}`)
  }
}

/** Quotes a path for a shell, if it needs that. */
export const quoted = (path: string): string =>
  /^[A-Za-z0-9_/.:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
