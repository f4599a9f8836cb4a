import { join } from 'node:path'
import { PROXY_CORE, startOn, stopAll } from '../processes.ts'
import { type Contender, present } from './contender.ts'
import { freePort } from '@branchline/runtime/testing/ports'

/** http-proxy-3 with a keep-alive agent, as in a typical server. */
export const httpProxy3: Contender = {
  name: 'http-proxy-3',
  missing: present,
  async start({ upstreamPort }) {
    const port = await freePort()
    const script = join(import.meta.dirname, 'http-proxy-3-server.ts')
    const args = [script, String(port), `http://127.0.0.1:${upstreamPort}`]
    const child = await startOn(PROXY_CORE, process.execPath, args)
    return { port, pids: [child.pid as number], stop: () => stopAll([child]) }
  },
}
