import type { CircuitCreate } from '@branchline/wire/circuits/circuit'
import type { Fault } from '@branchline/wire/circuits/problem'
import type { TargetInput } from '@branchline/wire/circuits/target'
import { isApex } from '../../../visitor/host.ts'
import { type DialPolicy, parseTargetAddress } from '../../dial-policy.ts'

/** What the checks of circuits depend on. */
export interface CheckOptions {
  /** Which hosts targets may name (`--allow-targets`). Names are checked again at each dial. */
  readonly dialPolicy: Pick<DialPolicy, 'refusalOfHost'>
  /** The relay's domain: its labels belong to circuits, so that they cannot be further host names. */
  readonly domain: string
  /** The relay's own host shows the page at which people enter tokens, so that no circuit may have it. */
  readonly publicUrl: URL
  /** Whether Traefik has an entrypoint for port circuits. Default: no. */
  readonly traefikEntrypoints?: boolean
}

type Checked = Pick<CircuitCreate, 'frontend' | 'backend' | 'balancing' | 'stickiness' | 'middlewares'>

/** Returns what a circuit cannot have although each field alone is valid. */
export function circuitFaults(
  circuit: Checked,
  { domain, publicUrl, traefikEntrypoints = false }: CheckOptions,
): Fault[] {
  const faults: Fault[] = []
  const { frontend, backend, balancing, middlewares } = circuit
  if (backend === 'traefik') {
    if (balancing === 'least-connections') {
      faults.push(
        fault('/balancing', 'Traefik has no least-connections balancing: use round-robin or weighted'),
      )
    }
    if (frontend.type === 'port' && !traefikEntrypoints) {
      faults.push(
        fault('/frontend/type', 'Traefik has no entrypoint for a port: use a subdomain, or another backend'),
      )
    }
  } else if (middlewares !== undefined && middlewares.length > 0) {
    faults.push(fault('/middlewares', 'only the backend traefik has middlewares'))
  }
  if (backend === 'tcp' && circuit.stickiness === 'cookie') {
    faults.push(fault('/stickiness', 'TCP has no cookies: use address'))
  }
  if (frontend.type === 'subdomain') faults.push(...hostFaults(frontend.hosts ?? [], domain, publicUrl))
  return faults
}

function hostFaults(hosts: readonly string[], domain: string, { hostname }: URL): Fault[] {
  return hosts.flatMap((host, index) => {
    const pointer = `/frontend/hosts/${index}`
    if (host === domain || host.endsWith(`.${domain}`)) {
      return fault(pointer, `names below ${domain} are labels: use label`)
    }
    if (isApex(host, hostname) || host.endsWith(`.${hostname}`)) {
      return fault(pointer, `${host} belongs to the relay itself`)
    }
    return hosts.indexOf(host) === index ? [] : fault(pointer, 'the host name is listed twice')
  })
}

/** Returns what is wrong with a target. `pointer` is the place of the target in the body. */
export function targetFaults(target: TargetInput, pointer: string, { dialPolicy }: CheckOptions): Fault[] {
  if (target.devbox !== undefined) {
    return [fault(`${pointer}/devbox`, 'this version has no devbox sessions: use address or cluster')]
  }
  if (target.address === undefined) return []
  const refused = dialPolicy.refusalOfHost(parseTargetAddress(target.address).host)
  return refused === undefined ? [] : [fault(`${pointer}/address`, refused.message)]
}

/** Returns a fault. */
export const fault = (pointer: string, detail: string): Fault => ({ pointer, detail })
