import http from 'node:http'
import { type ShopResponse, parseResponse, SERVICE_FIELD } from './hop.ts'
import { findUpstream } from './upstream.ts'

const CALL_TIMEOUT_MS = 40_000
const MAX_ANSWER_LENGTH = 1024 * 1024

const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 64 })

/**
 * Calls the next service, over connections that are kept open, and gives its answer. A GET whose kept
 * connection closed before a first octet came is sent once more on a new one, as RFC 9110, 9.2.2 allows.
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
    request.on('timeout', () => request.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)))
    let answered = false
    request.on('error', (error) => {
      const stale = request.reusedSocket && !answered
      reject(stale ? new StaleConnectionError() : new Error(`${service}: ${error.message}`, { cause: error }))
    })
    request.on('response', (response) => {
      answered = true
      // Once the response has been read, it no longer has its socket.
      const { socket } = response
      const from = `${socket.remoteAddress}:${socket.remotePort}`
      readText(response)
        .then((text) => {
          if (response.headers[SERVICE_FIELD] !== nameOf(service)) {
            // Whatever answered would answer the next request on this connection, too.
            socket.destroy()
            throw strange(service, from, response, text)
          }
          resolve(toAnswer(service, response.statusCode, text))
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
    if (length > MAX_ANSWER_LENGTH) throw new Error(`an answer of over ${MAX_ANSWER_LENGTH} octets`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** What to say of an answer that is not the service's: who gave it, as far as it tells. */
function strange(
  service: string,
  from: string,
  { statusCode, headers }: http.IncomingMessage,
  text: string,
): Error {
  const said = `${statusCode}: ${text.slice(0, 300) || '(empty)'}`
  return new Error(
    `${service} was not reached: ${from}, server ${String(headers['server'] ?? 'unknown')} answered ${said}`,
  )
}

function toAnswer(service: string, status: number | undefined, text: string): ShopResponse {
  if (status === 200) return parseResponse(text)
  throw new Error(`${service} answered ${status}: ${text.slice(0, 300)}`)
}
