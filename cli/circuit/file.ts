import { readFile } from 'node:fs/promises'
import { circuitCreate, type CircuitCreate } from '@branchline/wire/circuits/circuit'
import { parseAllDocuments } from 'yaml'
import { readStdin } from '../commands/stdin.ts'
import { CliError } from '../platform/errors.ts'

/** Reads the circuits of a file, or of standard input (`-`). Rejects with a CliError that names every fault. */
export async function readCircuits(file: string): Promise<CircuitCreate[]> {
  const name = file === '-' ? 'standard input' : file
  return parseCircuits(file === '-' ? await readStdin() : await readFile(file, 'utf8'), name)
}

/**
 * The circuits of a text: YAML or JSON in the form of the REST API, one or more documents, a list, or `items`. What
 * `circuit get -o yaml` prints is also taken. Throws a {@link CliError}. Pure.
 */
export function parseCircuits(text: string, name: string): CircuitCreate[] {
  const documents = parseAllDocuments(text)
  const values: unknown[] = []
  for (const document of documents) {
    const [error] = document.errors
    if (error !== undefined) throw new CliError('BL_USAGE', `${name}: ${error.message}`)
    values.push(...itemsOf(document.toJS()))
  }
  if (values.length === 0) throw new CliError('BL_USAGE', `${name} has no circuits: wanted key and frontend`)
  const faults: string[] = []
  const circuits = values.flatMap((value, index) => {
    const parsed = circuitCreate.safeParse(withoutState(value))
    if (parsed.success) return parsed.data
    const what = keyOf(value) ?? `circuit ${index + 1}`
    faults.push(
      ...parsed.error.issues.map(({ path, message }) => `${name}: ${what}: ${path.join('.')}: ${message}`),
    )
    return []
  })
  if (faults.length > 0) throw new CliError('BL_USAGE', faults.join('\n'))
  return circuits
}

function itemsOf(value: unknown): unknown[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value as unknown[]
  const { items } = value as { items?: unknown }
  return Array.isArray(items) ? (items as unknown[]) : [value]
}

const keyOf = (value: unknown): string | undefined => {
  const { key } = (value ?? {}) as { key?: unknown }
  return typeof key === 'string' ? key : undefined
}

/** What the relay alone sets: left out, so that what `get` prints can be edited and sent. */
const STATE = (
  'id owner url host port state status statusReason statusSince workers version createdAt updatedAt ' +
  'lastAccessAt requests'
).split(' ')
const TARGET_STATE = ['draining', 'status', 'statusReason', 'statusSince']

function withoutState(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('version' in value)) return value
  const circuit = without(value, STATE)
  if (!Array.isArray(circuit['targets'])) return circuit
  return { ...circuit, targets: circuit['targets'].map((target) => without(target as object, TARGET_STATE)) }
}

const without = (value: object, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)))
