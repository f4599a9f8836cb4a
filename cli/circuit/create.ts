import { setTimeout as wait } from 'node:timers/promises'
import type { Circuit, CircuitCreate } from '@branchline/wire/circuits/circuit'
import type { Client } from '@branchline/wire/circuits/client'
import { printable } from '@branchline/runtime/local/printable'
import { terminal } from '../output/terminal.ts'
import { wrapped } from '../output/wrap.ts'
import { CliError } from '../platform/errors.ts'
import type { ApiOptions } from '../relay/api/choose.ts'
import { openApi } from '../relay/api/connect.ts'
import { dataText } from '../relay/api/print.ts'
import { type Applied, applyCircuit } from './apply.ts'
import { readCircuits } from './file.ts'
import { type CircuitFlags, circuitOf } from './flags.ts'
import { entryOf } from './view.ts'

export interface CreateOptions extends ApiOptions, CircuitFlags {
  readonly filename?: string
  readonly output?: 'json' | 'yaml'
  /** How long to wait for the status HEALTHY, in milliseconds. */
  readonly wait?: number
}

/** How long `create` waits without `--wait`, so that it usually prints the status that follows. */
const GLANCE_MS = 2_000
/** The time between two looks at a status. */
const LOOK_MS = 150

/** Runs `branchline circuit create`. Rejects if `--wait` is given and a circuit does not become healthy. */
export async function runCreate(key: string | undefined, options: CreateOptions): Promise<void> {
  const wanted = await wantedCircuits(key, options)
  const api = openApi(options)
  const all: Applied[] = []
  for (const one of wanted) {
    const applied = await api.call((client) => applyCircuit(client, one))
    const circuit = await api.call((client) => settled(client, applied.circuit, options.wait ?? GLANCE_MS))
    all.push({ ...applied, circuit })
    if (options.output === undefined)
      process.stdout.write(printable(createdText({ ...applied, circuit }, terminal().width)))
  }
  const circuits = all.map(({ circuit }) => circuit)
  const data = dataText(circuits.length === 1 ? circuits[0] : { items: circuits }, options.output)
  if (data !== undefined) process.stdout.write(data)
  refuseUnhealthy(circuits, options)
}

async function wantedCircuits(key: string | undefined, options: CreateOptions): Promise<CircuitCreate[]> {
  const { filename, api: _api, key: _key, output: _output, wait: _wait, ...flags } = options
  const [given] = Object.keys(flags)
  if (filename !== undefined && (key !== undefined || given !== undefined)) {
    const other = key ?? `--${given}`
    throw new CliError(
      'BL_USAGE',
      `-f and ${other}: the file describes the whole circuit, so give one of them`,
    )
  }
  if (filename !== undefined) return readCircuits(filename)
  if (key === undefined)
    throw new CliError('BL_USAGE', 'the key is missing: name the circuit, or its file with -f')
  return [circuitOf(key, flags)]
}

/** Waits until a worker has the circuit, or with targets that are checked until it is healthy. */
async function settled(client: Client, circuit: Circuit, waitMs: number): Promise<Circuit> {
  const deadline = performance.now() + waitMs
  let last = circuit
  while (last.status !== 'HEALTHY' && last.targets.length > 0 && performance.now() < deadline) {
    await wait(LOOK_MS)
    last = await client.getCircuit({ params: { key: circuit.key } })
  }
  return last
}

/** What happened, where the circuit is, and what a newcomer would not expect. Pure. */
function createdText({ circuit, outcome }: Applied, width?: number): string {
  const { key, status, statusReason, access, frontend, targets } = circuit
  const notes: string[] = []
  if (status !== 'HEALTHY' && statusReason !== undefined) notes.push(statusReason)
  if (targets.length === 0)
    notes.push(`It has no targets yet: branchline circuit targets add ${key} HOST:PORT`)
  if (outcome === 'created' && access.type !== 'public' && access.allow === undefined) {
    notes.push(
      frontend.type === 'port'
        ? `Its port is closed, because only holders of a token may use it: branchline circuit forward ${key}, ` +
            'or open it with --access public or --allow CIDR.'
        : `Visitors need a token: branchline relay token create NAME --circuit ${key}, or open it with --access public.`,
    )
  }
  const lines = notes.flatMap((note) => wrapped(note, width, '  '))
  return [`${outcome} ${key}   ${entryOf(circuit)}   ${status}`, ...lines, ''].join('\n')
}

function refuseUnhealthy(circuits: readonly Circuit[], { wait: waitMs }: CreateOptions): void {
  const late = circuits.filter(({ status }) => status !== 'HEALTHY')
  if (waitMs === undefined || late.length === 0) return
  const lines = late.map(
    ({ key, status, statusReason }) =>
      `${key} is ${status} after ${Math.round(waitMs / 1000)} s${statusReason === undefined ? '' : `: ${statusReason}`}`,
  )
  throw new CliError('BL_RELAY_REFUSED', lines.join('\n'))
}
