import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file atomically, so that a crash leaves either the old or the new one. Only this user can read it. Creates
 * its folder.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const next = `${path}.next`
  const file = await open(next, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
  // Only this makes the new name durable.
  const directory = await open(folder, 'r')
  await directory.sync().finally(() => directory.close())
}

/** The JSON of a file. Undefined if there is none, it is too large, or it is not JSON. */
export async function readJson(path: string, maxBytes: number): Promise<unknown> {
  try {
    if ((await stat(path)).size > maxBytes) return undefined
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}
