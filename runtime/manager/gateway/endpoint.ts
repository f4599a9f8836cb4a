/** An address to dial. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Parses the plan's form `address:port`, with IPv6 in brackets. Undefined for anything else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port }
}

/** The endpoints to try, in round-robin order: each turn begins at the next one. */
export function attemptsOf(endpoints: readonly string[], turn: number, most: number): Endpoint[] {
  const from = endpoints.length === 0 ? 0 : turn % endpoints.length
  return [...endpoints.slice(from), ...endpoints.slice(0, from)]
    .map(parseEndpoint)
    .filter((endpoint) => endpoint !== undefined)
    .slice(0, most)
}
