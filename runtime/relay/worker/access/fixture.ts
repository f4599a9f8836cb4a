import type { AccessRule } from '@branchline/wire/circuits/access'
import { comeBackUrl, readEnter } from '@branchline/wire/circuits/handoff'
import type { DeployedCircuit, DeployedCredential, DeployedSession } from '@branchline/wire/circuits/table'
import { HttpEngine } from '../../../http1/index.ts'
import { DEFAULT_LIMITS } from '../../../http1/limits.ts'
import { parseRequestHead } from '../../../http1/message/head.ts'
import { type FieldList, readRequestHead } from '../../../http2/head.ts'
import type { HeadEdits, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { later } from '../../../testing/cleanups.ts'
import { listen, tcpUpstream } from '../../../transport/tcp.ts'
import { Access, type AccessOptions, type Verdict } from './access.ts'
import { hashOf, newSecret } from '@branchline/wire/circuits/secret'
import type { AccessClient, Redeem } from './handoff.ts'

/** A circuit on the host `web.localhost`. */
export const circuitOf = (access: AccessRule, more: Partial<DeployedCircuit> = {}): DeployedCircuit => ({
  id: 'c-web',
  key: 'shop/web',
  version: 1,
  owner: { type: 'key', id: 'k' },
  frontend: { type: 'subdomain', hosts: ['web'] },
  backend: 'http',
  balancing: 'round-robin',
  stickiness: 'none',
  targets: [],
  access,
  limits: {},
  rewrite: {},
  middlewares: [],
  draining: false,
  ...more,
})

/** An access token that no table contains. */
export const newToken = (): string => `blc_${newSecret()}`

/** A client on this machine. */
export const CLIENT: AccessClient = { address: '192.0.2.7', secure: false }
export const SECURE: AccessClient = { ...CLIENT, secure: true }

/** A table that a test changes, and the coordinator's side of redeem. */
export class TestTable {
  credentials = new Map<string, DeployedCredential>()
  sessions = new Map<string, DeployedSession>()
  nowMs = 1_000_000
  /** Codes that work once, and the circuits that they open. */
  readonly codes = new Map<string, string>()
  readonly redeemed: { code: string; host: string }[] = []

  /** Adds a credential and returns its token. */
  add(credential: Partial<DeployedCredential> = {}): string {
    const token = credential.kind === 'api-key' ? `blk_${newSecret()}` : newToken()
    const id = `t${this.credentials.size}`
    const entry: DeployedCredential = { id, kind: 'access-token', hash: hashOf(token), ...credential }
    this.credentials = new Map([...this.credentials, [id, entry]])
    return token
  }

  /** Adds a session and returns the value of its cookie. */
  addSession(session: Partial<DeployedSession> = {}): string {
    const value = newSecret()
    const hash = hashOf(value)
    const entry = { hash, circuit: 'c-web', holder: 'ann', expiresAtMs: this.nowMs + 60_000, ...session }
    this.sessions = new Map([...this.sessions, [hash, entry]])
    return value
  }

  redeem: Redeem = async (code, host, hash) => {
    this.redeemed.push({ code, host })
    const circuit =
      this.codes.get(code) ?? (code.startsWith('blc_') ? `c-${host.split('.', 1)[0]}` : undefined)
    this.codes.delete(code)
    if (circuit === undefined) return { refusal: 'The code is not known.' }
    return { session: { hash, circuit, holder: 'ann', expiresAtMs: this.nowMs + 12 * 3_600_000 } }
  }

  access(options: Partial<AccessOptions> = {}): Access {
    return new Access({
      table: () => this,
      relayUrl: 'http://localhost:8080',
      redeem: (...args) => this.redeem(...args),
      now: () => this.nowMs,
      ...options,
    })
  }
}

/** The head of an HTTP/1.1 request: its request line and further lines. */
export function headOf(line: string, ...fields: string[]): Head {
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : ['Host: web.localhost:8080']
  const lines = [`${line} HTTP/1.1`, ...host, ...fields]
  return parseRequestHead(`${lines.join('\r\n')}\r\n\r\n`, DEFAULT_LIMITS)
}

/** The head of an HTTP/2 request. */
export function streamHeadOf(path: string, ...fields: (readonly [string, string])[]): Head {
  const list: FieldList = [':method', 'GET', ':scheme', 'https', ':authority', 'web.localhost', ':path', path]
  return readRequestHead([...list, ...fields.flat()], true, DEFAULT_LIMITS.headBytes)
}

/** Fields of a browser that opens a page. */
export const BROWSER = [
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
]

/** The reply of the relay. Undefined if the request may pass. */
export async function replyOf(verdict: Verdict): Promise<Reply | undefined> {
  const decision = await verdict.decision
  if (decision !== undefined && 'candidates' in decision) throw new Error('a decision to forward')
  return decision
}

/** The edits of a request that may pass. */
export const editsIn = (verdict: Verdict): HeadEdits | undefined =>
  verdict.decision === undefined ? verdict.edits : undefined

/** All values of a field of a reply. */
export const fieldsOf = (reply: Reply | undefined, wanted: string): string[] =>
  (reply?.headers ?? []).filter(([name]) => name === wanted).map(([, value]) => value)

export const fieldOf = (reply: Reply | undefined, wanted: string): string => fieldsOf(reply, wanted)[0] ?? ''

/** What a coordinator does with the URL to which a browser is sent: returns the URL with which it comes back. */
export function comeBack(location: string, code: string, origin = 'http://web.localhost:8080'): string {
  const request = readEnter(new URL(location).searchParams)
  if (request === undefined) throw new Error(`not an enter URL: ${location}`)
  return comeBackUrl(origin, { code, returnTo: request.returnTo, state: request.state })
}

/** The `name=value` of a Set-Cookie value. */
export const pairOf = (setCookie: string): string => setCookie.split(';', 1)[0] ?? ''

/** Serves circuits on a free port of loopback, in front of an app at a port. */
export async function serve(
  access: Access,
  circuit: (head: Head) => DeployedCircuit,
  appPort: number,
  secure = false,
): Promise<number> {
  const upstream = tcpUpstream('127.0.0.1', appPort)
  const engine = new HttpEngine({
    route: (head, { remoteAddress }) => {
      const verdict = access.check(circuit(head), head, { address: remoteAddress, secure })
      if (verdict.decision !== undefined) return verdict.decision
      const { edits, responseEdits } = verdict
      return { candidates: [{ upstream, edits, ...(responseEdits !== undefined && { responseEdits }) }] }
    },
    limits: { drainMs: 100, lingerMs: 100 },
  })
  const listener = await listen({ port: 0 }, (transport) => engine.serve(transport))
  later(async () => {
    listener.stop()
    await engine.stop()
  })
  return listener.port
}
