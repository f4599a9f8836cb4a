/** The configuration of a service of the shop, from environment variables. */
export interface ShopConfig {
  readonly service: string
  readonly version: string
  /** The environment: the pod's namespace, from the downward API. */
  readonly environment: string
  readonly pod: string
  /** The address of the pod. Two pods of one machine may share a port, but never an address. */
  readonly host: string
  readonly port: number
}

/** Reads the variables of a container. The defaults are for a program that is started by hand. */
export function readConfig(service: string, variables: NodeJS.ProcessEnv = process.env): ShopConfig {
  return {
    service,
    version: variables.VERSION ?? 'dev',
    environment: variables.ENVIRONMENT ?? 'none',
    pod: variables.POD_NAME ?? `${service}-${process.pid}`,
    host: variables.HOST ?? variables.POD_IP ?? '0.0.0.0',
    port: parsePort('PORT', variables.PORT, 0),
  }
}

/** Parses a port from a variable. Throws a RangeError that names the variable. */
export function parsePort(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new RangeError(`${name}=${JSON.stringify(text)}: wanted a port, 0 to 65535`)
}
