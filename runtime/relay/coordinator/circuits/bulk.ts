import type { z } from 'zod'
import type { circuitBulkResult } from '@branchline/wire/circuits/bulk'
import type { Received } from '@branchline/wire/circuits/operations'
import { ProblemError } from '@branchline/wire/circuits/problem'
import type { Caller } from './caller.ts'
import type { CircuitContext } from './context.ts'
import { createCircuit } from './create.ts'
import { deleteCircuit } from './remove.ts'

type Result = z.infer<typeof circuitBulkResult>['results'][number]

/** Creates and removes circuits. Each is a change of its own, so one refusal does not undo the others. */
export async function changeCircuits(
  context: CircuitContext,
  caller: Caller,
  { create = [], delete: keys = [] }: Received<'changeCircuits', 'body'>,
): Promise<Result[]> {
  const results: Result[] = []
  for (const item of create) {
    results.push(
      await outcome(item.key, async () => ({
        status: 201,
        circuit: await createCircuit(context, caller, item),
      })),
    )
  }
  for (const key of keys) {
    results.push(
      await outcome(key, async () => {
        await deleteCircuit(context, caller, key, 0, undefined)
        return { status: 204 }
      }),
    )
  }
  return results
}

async function outcome(key: string, change: () => Promise<Omit<Result, 'key'>>): Promise<Result> {
  try {
    return { key, ...(await change()) }
  } catch (error) {
    if (error instanceof ProblemError) return { key, status: error.status, problem: error.problem }
    throw error
  }
}
