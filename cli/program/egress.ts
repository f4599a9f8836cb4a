import type { Endpoint } from '@branchline/runtime/local/network/dial'
import type { OutsideHost } from '@branchline/runtime/local/network/network'
import type { Option } from 'commander'
import { repeatedOption } from './faults.ts'

/** The option `--egress`, which collects endpoints. */
export const egressOption = (): Option =>
  repeatedOption(
    '--egress <host:port>',
    'host outside that pods may call by its name; host.docker.internal is this machine',
    'HOST:PORT, such as api.example.com:443',
    endpointOf,
  )

function endpointOf(text: string): Endpoint | undefined {
  const [, host, digits] = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?):(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port }
}

/** The hosts of endpoints, each with its ports. */
export const outsideHosts = (endpoints: readonly Endpoint[] = []): OutsideHost[] =>
  [...Map.groupBy(endpoints, ({ host }) => host)].map(([host, own]) => {
    return { host, ports: [...new Set(own.map(({ port }) => port))] }
  })
