import { z } from 'zod'
import { circuit, circuitCreate } from './circuit.ts'
import { circuitKey, shortId } from './fields.ts'
import { problem } from './problem.ts'
import { target, targetInput } from './target.ts'

/** The most items of one bulk call. */
export const MAX_BULK = 256

/** Bulk change of circuits. Each item is a change of its own: one refused item does not affect the others. */
export const circuitBulk = z.strictObject({
  create: z.array(circuitCreate).max(MAX_BULK).optional(),
  delete: z.array(circuitKey).max(MAX_BULK).optional(),
})

const outcome = {
  status: z.int().describe('HTTP status that the same change alone would have.'),
  problem: problem.optional().describe('Why the change was refused.'),
}

export const circuitBulkResult = z.object({
  results: z
    .array(z.object({ key: circuitKey, ...outcome, circuit: circuit.optional() }))
    .describe('First those of create, then those of delete, each in their order.'),
})

/** Bulk change of a circuit's targets, in one transaction. A refused item does not affect the others. */
export const targetBulk = z.strictObject({
  put: z.array(targetInput).max(MAX_BULK).optional().describe('Targets to add, or to replace by their id.'),
  delete: z.array(shortId).max(MAX_BULK).optional(),
})

export const targetBulkResult = z.object({
  results: z
    .array(z.object({ id: shortId, ...outcome, target: target.optional() }))
    .describe('First those of put, then those of delete, each in their order.'),
})
