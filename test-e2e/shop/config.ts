/** What every service of the shop is told by its container's variables. */
export interface ShopConfig {
  readonly service: string
  readonly version: string
  /** The environment, by the downward API: the pod's namespace. */
  readonly environment: string
  readonly pod: string
  /** The pod's own address: two pods of one machine may share a port, never an address. */
  readonly host: string
  readonly port: number
}

/** Reads the variables of a container; what is missing has the default of a program started by hand. */
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

/** A port out of a variable. Throws a RangeError that names the variable. */
export function parsePort(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new RangeError(`${name}=${JSON.stringify(text)}: wanted a port, 0 to 65535`)
}
