import { domainToASCII } from 'node:url'
import type { Circuit, CircuitCreate, CircuitPatch } from '@branchline/wire/circuits/circuit'
import type { Client } from '@branchline/wire/circuits/client'
import { ProblemError } from '@branchline/wire/circuits/problem'
import { CliError } from '../platform/errors.ts'

/** What became of a circuit. */
export interface Applied {
  readonly circuit: Circuit
  readonly outcome: 'created' | 'changed' | 'unchanged'
}

/**
 * Creates a circuit, or changes the one with this key to what is wanted. Fields that are not given stay. Rejects with a
 * CliError if the one that exists has another kind of frontend, or another label or port than the one that is wanted.
 */
export async function applyCircuit(client: Client, wanted: CircuitCreate): Promise<Applied> {
  try {
    return { circuit: await client.createCircuit({ body: wanted }), outcome: 'created' }
  } catch (error) {
    if (!(error instanceof ProblemError && error.is('already-exists'))) throw error
    const before = await existing(client, wanted.key, error)
    refuseOtherFrontend(before, wanted)
    const circuit = await client.patchCircuit({
      params: { key: wanted.key },
      body: patchOf(before, wanted),
      ifMatch: before.version,
    })
    return { circuit, outcome: circuit.version === before.version ? 'unchanged' : 'changed' }
  }
}

/** Another user's circuit is not shown to this one. */
async function existing(client: Client, key: string, refused: ProblemError): Promise<Circuit> {
  try {
    return await client.getCircuit({ params: { key } })
  } catch (error) {
    throw error instanceof ProblemError && error.is('not-found') ? refused : error
  }
}

function refuseOtherFrontend(
  { key, frontend, port, url }: Circuit,
  { frontend: wanted }: CircuitCreate,
): void {
  if (frontend.type === wanted.type) {
    if (wanted.type === 'port' && (wanted.port === undefined || wanted.port === port)) return
    if (
      wanted.type === 'subdomain' &&
      (frontend.type !== 'subdomain' || isLabel(frontend.label, wanted.label))
    )
      return
  }
  const has = frontend.type === 'port' ? `port ${port}` : url
  throw new CliError(
    'BL_RELAY_REFUSED',
    `${key} exists with ${has}, which a circuit keeps: remove it first with branchline circuit rm ${key}, or use another key`,
  )
}

/** The relay appends a hash to a label that another circuit has. */
function isLabel(label: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  const ascii = domainToASCII(wanted.normalize('NFC'))
  return label === ascii || label.startsWith(ascii.slice(0, 40))
}

/** The merge patch that leads from a circuit to what is wanted. Pure. */
function patchOf(before: Circuit, { key: _key, frontend, ...settings }: CircuitCreate): CircuitPatch {
  const patch = Object.entries(settings).map(([name, value]) => [
    name,
    name === 'targets' ? value : replacing(before[name as keyof Circuit], value),
  ])
  const hosts =
    frontend.type === 'subdomain' && frontend.hosts !== undefined ? { hosts: frontend.hosts } : undefined
  return { ...Object.fromEntries(patch), ...(hosts !== undefined && { frontend: hosts }) } as CircuitPatch
}

/** A merge patch keeps what it does not name. So this names with null what an object no longer has (RFC 7396). */
function replacing(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after
  const gone = Object.keys(before).filter((name) => !(name in after))
  return Object.fromEntries([
    ...Object.entries(after).map(([name, value]) => [name, replacing(before[name], value)]),
    ...gone.map((name) => [name, null]),
  ])
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
