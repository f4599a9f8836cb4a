import { z } from 'zod'
import { circuitBulk, circuitBulkResult, targetBulk, targetBulkResult } from '../bulk.ts'
import { circuit, CIRCUIT_STATUSES, circuitCreate, circuitPatch } from '../circuit.ts'
import { circuitKey, shortId } from '../fields.ts'
import { statistics } from '../health.ts'
import { pageOf, pageQuery } from '../page.ts'
import { target, targetInput, targetPatch } from '../target.ts'
import type { Operation } from './operation.ts'

const byKey = z.strictObject({ key: circuitKey })
const byTarget = z.strictObject({ key: circuitKey, target: shortId })

const filters = pageQuery.extend({
  label: z
    .string()
    .max(1024)
    .optional()
    .describe('Labels that circuits must have: `app=web,tier`. A name without a value matches every value.'),
  status: z.enum(CIRCUIT_STATUSES).optional(),
  group: shortId.optional().describe('Worker group.'),
  owner: z
    .string()
    .max(256)
    .optional()
    .describe(
      '`key:<id>` or `cluster:<credential>/<name>`. Keys without admin list only their own circuits.',
    ),
  text: z.string().max(200).optional().describe('Text in the key, in a host name or in the port.'),
})

/** Circuits and their targets. */
export const CIRCUIT_OPERATIONS = {
  createCircuit: {
    method: 'POST',
    path: '/api/v1/circuits',
    tag: 'Circuits',
    summary: 'Create a circuit',
    needs: 'circuits:write',
    body: circuitCreate,
    status: 201,
    response: circuit,
    etag: true,
    refusals: ['already-exists', 'port-taken', 'ports-exhausted'],
  },
  listCircuits: {
    method: 'GET',
    path: '/api/v1/circuits',
    tag: 'Circuits',
    summary: 'List circuits',
    needs: 'circuits:read',
    query: filters,
    status: 200,
    response: pageOf(circuit),
  },
  getCircuit: {
    method: 'GET',
    path: '/api/v1/circuits/{key}',
    tag: 'Circuits',
    summary: 'Get a circuit',
    needs: 'circuits:read',
    params: byKey,
    status: 200,
    response: circuit,
    etag: true,
  },
  patchCircuit: {
    method: 'PATCH',
    path: '/api/v1/circuits/{key}',
    tag: 'Circuits',
    summary: 'Change a circuit (JSON Merge Patch, RFC 7396)',
    needs: 'circuits:write',
    params: byKey,
    body: circuitPatch,
    status: 200,
    response: circuit,
    etag: true,
    refusals: ['already-exists'],
  },
  deleteCircuit: {
    method: 'DELETE',
    path: '/api/v1/circuits/{key}',
    tag: 'Circuits',
    summary: 'Remove a circuit, and free its host name or port',
    needs: 'circuits:write',
    params: byKey,
    query: z.strictObject({
      drain: z
        .int()
        .min(0)
        .max(3600)
        .optional()
        .describe('Seconds for which open connections go on, while new ones are refused. Default: 0.'),
    }),
    status: 204,
    etag: true,
  },
  changeCircuits: {
    method: 'POST',
    path: '/api/v1/bulk/circuits',
    tag: 'Circuits',
    summary: 'Create and remove many circuits',
    needs: 'circuits:write',
    body: circuitBulk,
    status: 200,
    response: circuitBulkResult,
  },
  getStatistics: {
    method: 'GET',
    path: '/api/v1/statistics',
    tag: 'Circuits',
    summary: 'Count circuits by status, frontend and group',
    needs: 'circuits:read',
    status: 200,
    response: statistics,
  },
  listTargets: {
    method: 'GET',
    path: '/api/v1/circuits/{key}/targets',
    tag: 'Targets',
    summary: 'List the targets of a circuit',
    needs: 'circuits:read',
    params: byKey,
    status: 200,
    response: z.object({ items: z.array(target) }),
    etag: true,
  },
  putTargets: {
    method: 'PUT',
    path: '/api/v1/circuits/{key}/targets',
    tag: 'Targets',
    summary: 'Replace all targets of a circuit',
    needs: 'circuits:write',
    params: byKey,
    body: z.strictObject({ items: circuitPatch.shape.targets.unwrap() }),
    status: 200,
    response: z.object({ items: z.array(target) }),
    etag: true,
  },
  changeTargets: {
    method: 'POST',
    path: '/api/v1/circuits/{key}/targets',
    tag: 'Targets',
    summary: 'Add, replace and remove many targets',
    needs: 'circuits:write',
    params: byKey,
    body: targetBulk,
    status: 200,
    response: targetBulkResult,
    etag: true,
  },
  putTarget: {
    method: 'PUT',
    path: '/api/v1/circuits/{key}/targets/{target}',
    tag: 'Targets',
    summary: 'Add a target, or replace it',
    needs: 'circuits:write',
    params: byTarget,
    body: targetInput,
    status: 200,
    also: [201],
    response: target,
    etag: true,
  },
  patchTarget: {
    method: 'PATCH',
    path: '/api/v1/circuits/{key}/targets/{target}',
    tag: 'Targets',
    summary: 'Change a target',
    needs: 'circuits:write',
    params: byTarget,
    body: targetPatch,
    status: 200,
    response: target,
    etag: true,
  },
  deleteTarget: {
    method: 'DELETE',
    path: '/api/v1/circuits/{key}/targets/{target}',
    tag: 'Targets',
    summary: 'Remove a target. It is no error if the circuit has no such target',
    needs: 'circuits:write',
    params: byTarget,
    status: 204,
    etag: true,
  },
} as const satisfies Record<string, Operation>
