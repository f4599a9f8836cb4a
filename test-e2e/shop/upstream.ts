import dns from 'node:dns'
import { parsePort } from './config.ts'

/** Where another service of the shop is. */
export interface Upstream {
  readonly host: string
  readonly port: number
}

/**
 * The address of a Service: its short name where that resolves, as in every Kubernetes pod; else what the
 * kubelet's variables say (`API_SERVICE_HOST`, `API_SERVICE_PORT`). Asked again for each new connection: a
 * Service may appear in this namespace that was the baseline's before.
 */
export async function findUpstream(
  service: string,
  port: number,
  variables: NodeJS.ProcessEnv = process.env,
): Promise<Upstream> {
  const resolved = await dns.promises.lookup(service).catch(() => undefined)
  if (resolved !== undefined) return { host: resolved.address, port }
  const name = service.toUpperCase().replaceAll('-', '_')
  const host = variables[`${name}_SERVICE_HOST`]
  if (host === undefined) {
    throw new Error(`service ${service}: the name does not resolve and ${name}_SERVICE_HOST is not set`)
  }
  return {
    host,
    port: parsePort(`${name}_SERVICE_PORT`, variables[`${name}_SERVICE_PORT`], port),
  }
}
