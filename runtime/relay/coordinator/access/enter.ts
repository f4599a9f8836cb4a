import { comeBackUrl, type EnterRequest } from '@branchline/wire/circuits/handoff'
import type { CircuitContext } from '../circuits/context.ts'
import { loadCircuits } from '../circuits/load.ts'
import type { StoredCircuit } from '../circuits/rows.ts'
import type { Store } from '../store/store.ts'
import { issueCode } from './codes.ts'
import { findRight, opens } from './rights.ts'

/**
 * Lets a browser enter a circuit with an access token or an API key. Returns the URL on the circuit's host to which the
 * browser goes, with a one-time code. Undefined if the token does not open the circuit, the host is not the circuit's,
 * or there is no such circuit: the answer does not tell these apart.
 */
export async function enter(
  context: CircuitContext,
  request: EnterRequest,
  token: string,
  nowMs: number = Date.now(),
): Promise<string | undefined> {
  const { store } = context
  const right = await store.read((db) => findRight(db, token, nowMs))
  if (right === undefined) return undefined
  const circuit = await findCircuit(store, request.circuit)
  if (circuit === undefined || !opens(right, circuit)) return undefined
  const origin = originOf(context, circuit, request.host)
  if (origin === undefined) return undefined
  const { host, returnTo, state } = request
  const code = await issueCode(store, { circuitId: circuit.row.id, host, holder: right.holder }, nowMs)
  return comeBackUrl(origin, { code, returnTo, state })
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function findCircuit(store: Store, id: string): Promise<StoredCircuit | undefined> {
  if (!UUID.test(id)) return undefined
  const { value } = await store.snapshot((tx) =>
    loadCircuits(tx, (query) => query.where('circuits.id', '=', id)),
  )
  return value[0]
}

/**
 * The origin of a circuit's host, at the port of the relay's public URL: a program at another port of the same machine
 * must not get a code. Undefined if the name is not the circuit's.
 */
function originOf(
  { domain, publicUrl }: CircuitContext,
  { row, hosts }: StoredCircuit,
  host: string,
): string | undefined {
  const isOwn = row.host_label !== null && (host === `${row.host_label}.${domain}` || hosts.includes(host))
  if (!isOwn) return undefined
  return `${publicUrl.protocol}//${host}${publicUrl.port === '' ? '' : `:${publicUrl.port}`}`
}
