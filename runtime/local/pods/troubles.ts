import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import { tellingLine } from '@branchline/wire/telling-line'
import type { Trouble } from './container.ts'
import type { Container } from '../kubernetes.ts'
import type { Listeners } from '../network/listeners.ts'
import type { Network } from '../network/network.ts'
import { describeExit } from './process.ts'

const ADDRESS_IN_USE = /EADDRINUSE|address (?:is )?already in use|Address in use/i
const LISTEN_ALONE = 'let it listen only on its own address, which the variables HOST and POD_IP contain'
/** How many of the last lines are searched. */
const LAST_LINES = 20

/** What is wrong with a container, as one sentence with the remedy. Undefined if nothing is. */
export function describeTrouble(
  container: Container,
  trouble: Trouble,
  lines: readonly string[],
  network: Pick<Network, 'listeners' | 'portInUse'>,
): string | undefined {
  const who = `container ${container.name}`
  switch (trouble.type) {
    case 'exit': {
      const last = lines.slice(-LAST_LINES)
      if (last.some((line) => ADDRESS_IN_USE.test(line))) {
        return `${who} ${describeExit(trouble.exit)}, because its port is in use: ${network.portInUse}`
      }
      const hint = tellingLine(last)
      return `${who} ${describeExit(trouble.exit)}${hint === undefined ? '' : ` (it last wrote: ${hint})`}${trouble.isFinal === true ? '' : '; restarting it'}`
    }
    case 'start':
      return trouble.message.startsWith('container') ? trouble.message : `${who}: ${trouble.message}`
    case 'liveness':
      return `${who} is restarted: ${trouble.message}`
    case 'readiness':
      // A sidecar waits for its app and its routes at every start. Why they are late is said elsewhere.
      if (container.name === SIDECAR_CONTAINER) return undefined
      return `${who} is not ready: ${trouble.message}`
    case 'ports':
      return portSentence(who, trouble.port, trouble.message, network.listeners(trouble.port))
    default:
      return undefined
  }
}

function portSentence(who: string, port: number, reason: string, listeners: Listeners): string {
  const begin = `${who} does not accept connections on its port ${port} (${reason})`
  if (listeners.localhost) return `${begin}; something listens on 127.0.0.1:${port}: ${LISTEN_ALONE}`
  if (listeners.wildcard) return `${begin}; something listens on all addresses there: ${LISTEN_ALONE}`
  return `${begin}: does it listen on another port? The variable PORT contains the expected one`
}

/** The warning about an app that listens on all addresses of a port that another pod also uses. */
export const wildcardSentence = (container: string, port: number, other: string): string =>
  `container ${container} listens on all addresses at port ${port}, which ${other} also uses: ` +
  `requests for one may reach the other: ${LISTEN_ALONE}`

/** The warning about a name that is neither in the cluster nor declared. */
export const unknownNameSentence = (name: string): string =>
  `it asked for ${name}, which is not a Service and not declared: to let pods call a host outside, ` +
  `start with --egress ${name}:PORT, or add a Service of type ExternalName`
