import type { Circuit } from '@branchline/wire/circuits/circuit'
import { changeCircuits } from '../../circuits/bulk.ts'
import { patchCircuit } from '../../circuits/change.ts'
import { createCircuit } from '../../circuits/create.ts'
import { countCircuits, getCircuit, listCircuits } from '../../circuits/list.ts'
import { deleteCircuit } from '../../circuits/remove.ts'
import {
  type AtVersion,
  changeTargets,
  deleteTarget,
  patchTarget,
  putTarget,
  replaceAll,
  type TargetChange,
} from '../../circuits/target-changes.ts'
import type { Call, Handlers, Result } from '../handler.ts'
import type { CIRCUIT_OPERATIONS } from '@branchline/wire/circuits/operations/circuits'

const shown = (circuit: Circuit, headers: Record<string, string> = {}) => ({
  body: circuit,
  version: circuit.version,
  headers,
})

type TargetCall = Pick<Call<'listTargets'>, 'services' | 'caller' | 'ifMatch'> & {
  readonly params: { readonly key: string }
}
const at = ({ services, caller, params, ifMatch }: TargetCall): TargetChange => ({
  context: services.context,
  caller,
  key: params.key,
  ifMatch,
})

const versioned = <T>({ value, version }: AtVersion<T>): { body: T; version: number } => ({
  body: value,
  version,
})

/** Operations on circuits and targets. */
export const CIRCUIT_HANDLERS: Handlers<keyof typeof CIRCUIT_OPERATIONS> = {
  createCircuit: async ({ services, caller, body }) => {
    const circuit = await createCircuit(services.context, caller, body)
    return shown(circuit, { location: `/api/v1/circuits/${encodeURIComponent(circuit.key)}` })
  },
  listCircuits: async ({ services, caller, query }) => ({
    body: await listCircuits(services.context, caller, query),
  }),
  getCircuit: async ({ services, caller, params }) =>
    shown(await getCircuit(services.context, caller, params.key)),
  patchCircuit: async ({ services, caller, params, body, ifMatch }) =>
    shown(await patchCircuit(services.context, caller, params.key, body, ifMatch)),
  deleteCircuit: async ({ services, caller, params, query, ifMatch }) => {
    await deleteCircuit(services.context, caller, params.key, query.drain ?? 0, ifMatch)
    return { body: undefined }
  },
  changeCircuits: async ({ services, caller, body }) => ({
    body: { results: await changeCircuits(services.context, caller, body) },
  }),
  getStatistics: async ({ services, caller }) => ({ body: await countCircuits(services.context, caller) }),
  listTargets: async ({ services, caller, params }) => {
    const { targets, version } = await getCircuit(services.context, caller, params.key)
    return { body: { items: targets }, version }
  },
  putTargets: async (call) => versioned(await replaceAll(at(call), call.body.items)),
  changeTargets: async (call) => {
    const { value, version } = await changeTargets(at(call), call.body)
    return { body: { results: value }, version }
  },
  putTarget: async (call): Promise<Result<'putTarget'>> => {
    const { value, version } = await putTarget(at(call), call.params.target, call.body)
    return { body: value.target, version, status: value.created ? 201 : 200 }
  },
  patchTarget: async (call) => versioned(await patchTarget(at(call), call.params.target, call.body)),
  deleteTarget: async (call) => versioned(await deleteTarget(at(call), call.params.target)),
}
