import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How etcd is reached. */
export interface EtcdAddress {
  /** The URLs of members, `http:` or `https:`. They are tried in turn. At least one. */
  readonly endpoints: readonly string[]
  /** A folder with `ca.crt`, and with `tls.crt` and `tls.key` if the client has a certificate. All are optional. */
  readonly tlsFolder?: string | undefined
  /** A folder with `username` and `password`. */
  readonly userFolder?: string | undefined
}

/** Files of a folder as `node:tls` takes them. They are read for each connection, so that renewed ones apply. */
export async function readTls(
  folder: string | undefined,
): Promise<{ ca?: string; cert?: string; key?: string }> {
  if (folder === undefined) return {}
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'tls.crt', 'tls.key'].map((name) => text(folder, name)),
  )
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
}

/** The name and the password of a user. Undefined without a folder. Rejects if a file cannot be read. */
export async function readUser(
  folder: string | undefined,
): Promise<{ readonly name: string; readonly password: string } | undefined> {
  if (folder === undefined) return undefined
  const [name, password] = await Promise.all(
    ['username', 'password'].map((file) => readFile(join(folder, file), 'utf8')),
  )
  return { name: (name ?? '').trim(), password: (password ?? '').trimEnd() }
}

const text = (folder: string, name: string): Promise<string | undefined> =>
  readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
