import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDaemon } from '../processes.ts'
import type { Contender } from './contender.ts'
import { freePort } from '@branchline/runtime/testing/ports'

/** The input of a configuration. */
export interface Site {
  readonly folder: string
  readonly port: number
  readonly upstreamPort: number
}

/** A server that reads one configuration file. */
export interface Daemon extends Pick<Contender, 'name' | 'missing'> {
  readonly command: string
  /** The name of the file, unique within a benchmark. */
  readonly file: string
  readonly config: (site: Site) => string
  readonly args: (file: string, folder: string) => readonly string[]
}

/** Returns a contender that is such a server, on a free port. */
export const daemon = ({ name, missing, command, file, config, args }: Daemon): Contender => ({
  name,
  missing,
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const path = join(folder, file)
    await writeFile(path, config({ folder, port, upstreamPort }))
    return startDaemon(port, command, args(path, folder))
  },
})
