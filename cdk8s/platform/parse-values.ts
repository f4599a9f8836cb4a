import { fieldProblems } from '@branchline/wire/resources/parse'
import { platformFaults } from './faults.ts'
import { platformValues, type PlatformValues, propsOf, runsRelay } from './values.ts'

export type ParsedValues =
  | { readonly values: PlatformValues; readonly faults?: undefined }
  | { readonly values?: undefined; readonly faults: readonly string[] }

/** Parses values from data of unknown shape. Each fault is one sentence that names the value and the remedy. */
export function parseValues(data: unknown): ParsedValues {
  const result = platformValues.safeParse(data)
  if (!result.success) {
    return { faults: fieldProblems(platformValues, result.error, data).map(({ message }) => message) }
  }
  const values = result.data
  const faults = [...serviceFaults(values)]
  if (faults.length === 0) faults.push(...platformFaults(propsOf(values)))
  return faults.length > 0 ? { faults } : { values }
}

/** The rule that the schema cannot express. The chart fails with the same sentence. */
function* serviceFaults(values: PlatformValues): Generator<string> {
  const { type, nodePort } = values.relay.service
  if (!runsRelay(values) || nodePort === 0 || type === 'NodePort') return
  yield `relay.service.nodePort is ${nodePort}, but relay.service.type is ${type}: set the type to NodePort, or remove the port`
}
