import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'

/**
 * Texts by name, some of them secret, which all workers that order certificates share. Names are paths of parts with
 * letters, digits and `.`, `-`, `_`, `*`. All methods reject if the vault cannot be reached.
 */
export interface CertificateVault {
  /** Undefined if there is none. */
  get(name: string): Promise<string | undefined>
  put(name: string, text: string): Promise<void>
  delete(name: string): Promise<void>
  /** The names below a path, without the path. */
  list(path: string): Promise<string[]>
}

const PART = /^[A-Za-z0-9*_-][A-Za-z0-9*._-]{0,254}$/

/** A vault in a folder that only its user can read. Several processes may share it. */
export class FileVault implements CertificateVault {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async get(name: string): Promise<string | undefined> {
    return await readFile(this.#pathOf(name), 'utf8').catch(ifMissing(undefined))
  }

  async put(name: string, text: string): Promise<void> {
    const path = this.#pathOf(name)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // A reader sees the old text or the new one, also after a crash. The dot keeps it out of lists.
    const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}`)
    try {
      await writeFile(temporary, text, { mode: 0o600, flush: true })
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  async delete(name: string): Promise<void> {
    await rm(this.#pathOf(name), { force: true })
  }

  async list(path: string): Promise<string[]> {
    const names = await readdir(this.#pathOf(path)).catch(ifMissing([]))
    return names.filter((name) => !name.startsWith('.')).toSorted()
  }

  #pathOf(name: string): string {
    const parts = name.split('/')
    if (parts.every((part) => PART.test(part))) return join(this.#folder, ...parts)
    throw new RangeError(`${JSON.stringify(name)} is not a name of a vault`)
  }
}

const ifMissing =
  <T>(other: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return other
    throw error
  }
