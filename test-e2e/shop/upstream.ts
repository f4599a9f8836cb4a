import dns from 'node:dns'
import { parsePort } from './config.ts'

/** The address of another service of the shop. */
export interface Upstream {
  readonly host: string
  readonly port: number
}

/**
 * Returns the address of a Service. It resolves the short name, as in every Kubernetes pod, and otherwise reads the kubelet's
 * variables (`API_SERVICE_HOST`, `API_SERVICE_PORT`). Call it for each new connection, because a Service may appear in
 * this namespace that was only in the baseline's before.
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
