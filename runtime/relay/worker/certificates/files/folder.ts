import { readFile, stat } from 'node:fs/promises'
import { type Certificate, readCertificate, validityFault } from '../certificate.ts'
import { CertificateError } from '../errors.ts'
import type { CertificateLimits } from '../limits.ts'
import { FolderWatch } from './folder-watch.ts'
import { type FilePair, listPairs } from './listing.ts'

export interface FolderOptions {
  readonly folder: string
  readonly limits: Pick<CertificateLimits, 'certificates' | 'fileBytes' | 'settleMs' | 'rescanMs'>
  readonly now: () => number
  /** Called with all certificates that can be used, first at the start and then after each change. */
  readonly onChange: (certificates: readonly Certificate[]) => void
  /** Called once for each fault, when it appears. */
  readonly onFault: (fault: CertificateError, isReplaced: boolean) => void
}

/** What is known of a pair of files. */
interface Entry {
  readonly version: string
  readonly certificate: Certificate | undefined
  readonly fault: CertificateError | undefined
}

/**
 * The certificates of a watched folder. A pair with a fault keeps its last valid certificate until it is valid again, or
 * both of its files are gone. A folder that cannot be read keeps all.
 */
export class CertificateFolder {
  readonly #options: FolderOptions
  #entries = new Map<string, Entry>()
  #folderFault: CertificateError | undefined
  readonly #watch: FolderWatch
  #timer: NodeJS.Timeout | undefined
  #scanning: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: FolderOptions) {
    this.#options = options
    this.#watch = new FolderWatch(() => this.#plan(options.limits.settleMs))
  }

  /** Reads the folder, and watches it. Faults are reported and do not reject. */
  async start(): Promise<void> {
    await this.scan(true)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#watch.close()
    await this.#scanning
  }

  /** The faults of now. */
  faults(): CertificateError[] {
    const found = [...this.#entries.values()].flatMap(({ fault }) => fault ?? [])
    return this.#folderFault === undefined ? found : [this.#folderFault, ...found]
  }

  /** Reads what has changed. */
  scan(always = false): Promise<void> {
    this.#scanning = this.#scanning.then(() => this.#scan(always))
    return this.#scanning
  }

  #plan(afterMs: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.scan()
    }, afterMs).unref()
  }

  async #scan(always: boolean): Promise<void> {
    if (this.#stopped) return
    const { folder, onChange, onFault } = this.#options
    try {
      const { pairs, folders } = await listPairs(folder)
      // Find changes between the reading and the start of the watch.
      if (this.#watch.set(folders)) this.#plan(this.#options.limits.settleMs)
      const changed = await this.#read(pairs)
      this.#folderFault = undefined
      if (changed || always) {
        onChange([...this.#entries.values()].flatMap(({ certificate }) => certificate ?? []))
      }
    } catch (cause) {
      const problem = `the folder cannot be read (${(cause as Error).message}); what was read before stays in use`
      const fault = new CertificateError('unreadable', folder, problem, { cause })
      if (this.#folderFault?.message !== fault.message) onFault(fault, false)
      this.#folderFault = fault
      if (always) onChange([])
    }
    if (this.#timer === undefined) this.#plan(this.#options.limits.rescanMs)
  }

  /** Returns whether a certificate has changed. */
  async #read(pairs: readonly FilePair[]): Promise<boolean> {
    const next = new Map<string, Entry>()
    let changed = false
    for (const [index, pair] of pairs.entries()) {
      const before = this.#entries.get(pair.name)
      const entry = before?.version === pair.version ? before : await this.#entryOf(pair, before, index)
      next.set(pair.name, entry)
      changed ||= entry.certificate?.id !== before?.certificate?.id
    }
    changed ||= [...this.#entries.keys()].some((name) => !next.has(name))
    this.#entries = next
    return changed
  }

  async #entryOf(pair: FilePair, before: Entry | undefined, index: number): Promise<Entry> {
    const { limits, now, onFault } = this.#options
    const { version } = pair
    try {
      if (index >= limits.certificates) {
        const problem = `there are more than ${limits.certificates} certificates; remove some, or add workers`
        throw new CertificateError('too-many', pair.certFile, problem)
      }
      const certificate = await readPair(pair, limits.fileBytes)
      const fault = validityFault(certificate, now())
      if (fault === undefined) return { version, certificate, fault }
      // A client shows a clear message about an expired certificate, so it is better than none.
      const old = before?.certificate
      const isKept = old !== undefined && validityFault(old, now()) === undefined
      onFault(fault, isKept)
      return { version, certificate: isKept ? old : certificate, fault }
    } catch (error) {
      const fault = error instanceof CertificateError ? error : unreadable(pair, error as Error)
      onFault(fault, before?.certificate !== undefined)
      return { version, certificate: before?.certificate, fault }
    }
  }
}

async function readPair({ certFile, keyFile }: FilePair, maxBytes: number): Promise<Certificate> {
  const cert = await textOf(certFile, maxBytes, 'no-certificate')
  const key = await textOf(keyFile, maxBytes, 'no-key')
  return readCertificate({ cert, key }, certFile)
}

async function textOf(file: string, maxBytes: number, missing: 'no-certificate' | 'no-key'): Promise<string> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    const other = missing === 'no-key' ? 'certificate' : 'key'
    throw new CertificateError(
      missing,
      file,
      `the file is missing; add it to its ${other}, or remove the ${other}`,
    )
  })
  if (found.size > maxBytes) {
    throw new CertificateError(
      'unreadable',
      file,
      `the file has ${found.size} bytes; wanted at most ${maxBytes}`,
    )
  }
  return await readFile(file, 'latin1')
}

const unreadable = ({ certFile }: FilePair, cause: Error): CertificateError =>
  new CertificateError('unreadable', certFile, `the files cannot be read (${cause.message})`, { cause })
