import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AuthorityError } from './errors.ts'
import type { KeyPair } from './keys.ts'

const CERTIFICATE = 'ca.crt'
const KEY = 'ca.key'

/** Reads the authority of a folder; undefined if there is none. */
export async function readStored(folder: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([textOf(join(folder, CERTIFICATE)), textOf(join(folder, KEY))])
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? CERTIFICATE : KEY
    throw new AuthorityError(
      `${folder}: ${missing} is missing; restore it, or delete the folder to get a new authority`,
    )
  }
  await requirePrivate(join(folder, KEY))
  return { cert, key }
}

/** Stores an authority as a whole. If another process was first, returns that process's authority. */
export async function storeOnce(folder: string, pair: KeyPair): Promise<{ pair: KeyPair; isNew: boolean }> {
  const parent = dirname(folder)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const temporary = await mkdtemp(join(parent, '.new-'))
  try {
    await writeFile(join(temporary, CERTIFICATE), pair.cert, { mode: 0o644, flush: true })
    await writeFile(join(temporary, KEY), pair.key, { mode: 0o600, flush: true })
    // Fails if the folder exists and is not empty.
    await rename(temporary, folder)
    return { pair, isNew: true }
  } catch (cause) {
    const other = await readStored(folder)
    if (other !== undefined) return { pair: other, isNew: false }
    throw new AuthorityError(`${folder}: the authority cannot be stored: ${(cause as Error).message}`, {
      cause,
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function requirePrivate(file: string): Promise<void> {
  const { mode } = await stat(file)
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  throw new AuthorityError(
    `${file}: other users can read this key (mode ${(mode & 0o777).toString(8)}). If you are sure that it was not copied, run ` +
      `\`chmod 600 ${file}\`; otherwise run \`branchline trust --uninstall\` and delete the folder`,
  )
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AuthorityError(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
