import type { Contender } from './contender.ts'
import { present } from './contender.ts'
import { relayAndGateway } from './relay.ts'
import { startSidecar } from './sidecar.ts'

/** The name of the contender. */
export const PREVIEW_PATH = 'relay, gateway, sidecar'

/** The whole path of a preview, of three processes on the contender's core, from this or another checkout. */
export const previewPath = (name = PREVIEW_PATH, checkout?: string): Contender => ({
  name,
  missing: present,
  async start(options) {
    const sidecar = await startSidecar({ ...options, ...(checkout !== undefined && { checkout }) })
    try {
      const front = await relayAndGateway(name, checkout).start({ ...options, upstreamPort: sidecar.port })
      const stop = async (): Promise<void> => {
        await front.stop()
        await sidecar.stop()
      }
      return { port: front.port, pids: [...front.pids, ...sidecar.pids], stop }
    } catch (error) {
      await sidecar.stop()
      throw error
    }
  },
})
