import http from 'node:http'
import { type Hop, type ShopResponse, parseResponse } from '../shop/hop.ts'

const VISIT_TIMEOUT_MS = 15_000

/** Options of a visit. */
export interface VisitOptions {
  readonly headers?: http.OutgoingHttpHeaders
  /** The connections to use. Previews of one relay share them. Default: a new connection. */
  readonly agent?: http.Agent
  readonly path?: string
  readonly timeoutMs?: number
}

/** The response to a visitor. */
export interface Visit {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/**
 * Sends a GET as a browser on this machine does. `*.localhost` is 127.0.0.1 (RFC 6761, 6.3). Only the Host field names the
 * preview, so connections of one agent serve all previews.
 */
export function visit(url: string, options: VisitOptions = {}): Promise<Visit> {
  const { hostname, host, port, pathname, search } = new URL(url)
  const { headers = {}, agent = false, timeoutMs = VISIT_TIMEOUT_MS } = options
  const address = hostname === 'localhost' || hostname.endsWith('.localhost') ? '127.0.0.1' : hostname
  const path = options.path ?? pathname + search
  return new Promise((resolve, reject) => {
    const request = http.get({ host: address, port, path, agent, headers: { host, ...headers } })
    const timer = setTimeout(
      () => request.destroy(new Error(`${url}${path}: no response within ${timeoutMs} ms`)),
      timeoutMs,
    )
    request.once('close', () => clearTimeout(timer))
    request.once('error', reject)
    request.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const body = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
  })
}

/** Visits the shop, and parses its JSON response. Throws an error with status and text for other responses. */
export async function visitShop(url: string, options: VisitOptions = {}): Promise<ShopResponse> {
  const { status, body } = await visit(url, options)
  if (status !== 200) throw new Error(`${url} returned ${status}: ${body.slice(0, 500)}`)
  return parseResponse(body)
}

/** Returns the path of a request without the database, such as `web@baseline api@alice worker@baseline`. */
export function pathOf({ hops }: ShopResponse): string {
  return hops
    .filter(({ service }) => service !== 'db')
    .map(({ service, environment }) => `${service}@${environment}`)
    .join(' ')
}

/** Returns a field of a hop's request. Several values are joined by commas. */
export function fieldOf(hop: Hop | undefined, name: string): string | undefined {
  const values = (hop?.fields ?? [])
    .filter(([field]) => field.toLowerCase() === name)
    .map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(',')
}
