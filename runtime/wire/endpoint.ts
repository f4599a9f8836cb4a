/** The address and the port of an endpoint. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

const ENDPOINT = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i

/** Formats an endpoint as route tables contain it: `address:port`, with IPv6 in brackets. */
export const formatEndpoint = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** Parses the output of {@link formatEndpoint}. Returns undefined for other texts. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, v6, other, digits] = ENDPOINT.exec(text) ?? []
  const host = v6 ?? other
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port }
}
