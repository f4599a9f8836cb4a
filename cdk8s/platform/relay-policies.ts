import { RELAY_ADMIN_PORT, RELAY_API_PORT, RELAY_HTTP_PORT, RELAY_TUNNEL_PORT } from '@branchline/wire/names'
import type { Manifest } from '../inject/manifest.ts'
import { component, DNS, metrics, policy, type PolicyOptions, tcp } from './policies.ts'
import { selectorOf } from './process.ts'

/** Returns the NetworkPolicies of the relay: one of the process with both roles, or one of workers and of coordinators. */
export const relayPolicies = (options: PolicyOptions): Manifest[] =>
  options.databasePort === undefined
    ? [relayPolicy(options)]
    : [relayPolicy(options), coordinatorPolicy(options, options.databasePort)]

function relayPolicy(options: PolicyOptions): Manifest {
  const { ports, allowTargets, databasePort, isRelayShared } = options
  const hasWorkers = databasePort !== undefined
  const tunnel = { ports: tcp(RELAY_TUNNEL_PORT) }
  const own = component('relay')
  const managers = hasWorkers ? [component('manager'), own] : [component('manager')]
  const names = hasWorkers || allowTargets.length > 0
  return policy('relay', 'relay', {
    podSelector: { matchLabels: selectorOf('relay') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      { ports: tcp(RELAY_HTTP_PORT) },
      ...(ports === undefined ? [] : [{ ports: [{ protocol: 'TCP', port: ports.from, endPort: ports.to }] }]),
      isRelayShared ? tunnel : { ...tunnel, from: managers },
      ...(hasWorkers ? [] : api(options, [])),
      metrics(options, RELAY_ADMIN_PORT),
    ],
    // Managers connect to the relay. The relay connects to no cluster.
    egress: [
      ...(names ? [DNS] : []),
      ...(hasWorkers ? [{ to: [component('coordinator')], ports: tcp(RELAY_API_PORT) }] : []),
      // Workers reach clusters over each other.
      ...(hasWorkers ? [{ to: [own], ports: tcp(RELAY_TUNNEL_PORT) }] : []),
      ...(allowTargets.length > 0 ? [{ to: allowTargets.map((cidr) => ({ ipBlock: { cidr } })) }] : []),
    ],
  })
}

const coordinatorPolicy = (options: PolicyOptions, databasePort: number): Manifest =>
  policy('coordinator', 'coordinator', {
    podSelector: { matchLabels: selectorOf('coordinator') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [...api(options, [component('relay')]), metrics(options, RELAY_ADMIN_PORT)],
    // The address of the database is not known here.
    egress: [DNS, { ports: tcp(databasePort) }],
  })

/** Who may use the API. */
function api({ apiFrom }: PolicyOptions, from: readonly object[]): object[] {
  const all = [...from, ...(apiFrom === undefined ? [] : [{ namespaceSelector: { matchLabels: apiFrom } }])]
  return all.length === 0 ? [] : [{ from: all, ports: tcp(RELAY_API_PORT) }]
}
