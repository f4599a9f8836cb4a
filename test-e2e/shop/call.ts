import http from 'node:http'
import { type ShopResponse, parseResponse, SERVICE_FIELD } from './hop.ts'
import { findUpstream } from './upstream.ts'

const CALL_TIMEOUT_MS = 40_000
const MAX_RESPONSE_LENGTH = 1024 * 1024

const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 64 })

/**
 * Calls the next service over kept connections, and returns its response. If a kept connection closes before the first byte
 * of a response, it repeats the GET once on a new connection (RFC 9110, 9.2.2).
 */
export async function call(
  service: string,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<ShopResponse> {
  const upstream = await findUpstream(service, port)
  const target = { ...upstream, path, headers: { ...headers, host: `${service}:${port}` } }
  try {
    return await get(service, target)
  } catch (error) {
    if (!(error instanceof StaleConnectionError)) throw error
    return get(service, { ...target, agent: false })
  }
}

class StaleConnectionError extends Error {}

function get(service: string, options: http.RequestOptions): Promise<ShopResponse> {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent, timeout: CALL_TIMEOUT_MS, ...options })
    request.on('timeout', () => request.destroy(new Error(`no response within ${CALL_TIMEOUT_MS} ms`)))
    let responded = false
    request.on('error', (error) => {
      const stale = request.reusedSocket && !responded
      reject(stale ? new StaleConnectionError() : new Error(`${service}: ${error.message}`, { cause: error }))
    })
    request.on('response', (response) => {
      responded = true
      // A response that was read completely has no socket.
      const { socket } = response
      const from = `${socket.remoteAddress}:${socket.remotePort}`
      readText(response)
        .then((text) => {
          if (response.headers[SERVICE_FIELD] !== nameOf(service)) {
            // The same server would also respond to the next request on this connection.
            socket.destroy()
            throw strange(service, from, response, text)
          }
          resolve(toShopResponse(service, response.statusCode, text))
        })
        .catch(reject)
    })
  })
}

/** The short name of a Service: `api` of `api.baseline`. */
const nameOf = (service: string): string => service.split('.', 1)[0] as string

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_RESPONSE_LENGTH) throw new Error(`a response of more than ${MAX_RESPONSE_LENGTH} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Returns an error for a response of another server, which it identifies as far as possible. */
function strange(
  service: string,
  from: string,
  { statusCode, headers }: http.IncomingMessage,
  text: string,
): Error {
  const content = `${statusCode}: ${text.slice(0, 300) || '(empty)'}`
  return new Error(
    `${service} was not reached: ${from}, server ${String(headers['server'] ?? 'unknown')} returned ${content}`,
  )
}

function toShopResponse(service: string, status: number | undefined, text: string): ShopResponse {
  if (status === 200) return parseResponse(text)
  throw new Error(`${service} returned ${status}: ${text.slice(0, 300)}`)
}
