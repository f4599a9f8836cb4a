import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { which } from 'zx'
import { freePort } from '@branchline/runtime/testing/ports'
import { startDaemon } from '../processes.ts'
import type { Contender } from './contender.ts'
import { PREVIEW_HOST } from './relay.ts'

/** The program: that of BRANCHLINE_TRAEFIK, or the one on the PATH. */
const program = async (): Promise<string | null> =>
  process.env['BRANCHLINE_TRAEFIK'] ?? (await which('traefik', { nothrow: true }))

const routers = (upstreamPort: number): string => `http:
  routers:
    preview:
      rule: Host(\`${PREVIEW_HOST}\`)
      service: app
  services:
    app:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:${upstreamPort}
`

/** Traefik, which finds the service by the host, in one hop. */
export const traefik: Contender = {
  name: 'Traefik, one hop',
  missing: async () =>
    (await program()) === null
      ? 'traefik is not installed: name its program in BRANCHLINE_TRAEFIK'
      : undefined,
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'traefik.yaml')
    await writeFile(file, routers(upstreamPort))
    return startDaemon(port, (await program()) as string, [
      `--entrypoints.web.address=127.0.0.1:${port}`,
      `--providers.file.filename=${file}`,
      '--global.checknewversion=false',
      '--global.sendanonymoususage=false',
      '--log.level=ERROR',
    ])
  },
}
