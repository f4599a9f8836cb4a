import { z } from 'zod'
import * as audit from '@branchline/wire/circuits/audit'
import { circuit, circuitCreate, circuitPatch } from '@branchline/wire/circuits/circuit'
import { cluster } from '@branchline/wire/circuits/cluster'
import * as credential from '@branchline/wire/circuits/credential'
import { workerGroup } from '@branchline/wire/circuits/group'
import { health } from '@branchline/wire/circuits/health'
import { OPERATIONS } from '@branchline/wire/circuits/operations'
import {
  acceptsIdempotencyKey,
  commonRefusals,
  type Operation,
} from '@branchline/wire/circuits/operations/operation'
import { problem, type ProblemName, PROBLEMS, problemType } from '@branchline/wire/circuits/problem'
import { target, targetInput, targetPatch } from '@branchline/wire/circuits/target'
import { worker, workerFacts } from '@branchline/wire/circuits/worker'

/** A JSON value of the document. */
type Json = Readonly<Record<string, unknown>>

/** Schemas that the document names. Those of bodies are what clients send, the others are what they receive. */
const SENT = {
  CircuitCreate: circuitCreate,
  CircuitPatch: circuitPatch,
  TargetInput: targetInput,
  TargetPatch: targetPatch,
  WorkerFacts: workerFacts,
} as const
const RECEIVED = {
  Circuit: circuit,
  Target: target,
  Worker: worker,
  WorkerGroup: workerGroup,
  Cluster: cluster,
  ApiKey: credential.apiKey,
  AccessToken: credential.accessToken,
  JoinToken: credential.joinToken,
  Session: credential.session,
  AuditEntry: audit.auditEntry,
  Health: health,
  Problem: problem,
} as const

let made: Json | undefined

/** This API as an OpenAPI 3.1 document, from the same schemas that parse requests. It is made once. */
export function openApi(): Json {
  made ??= {
    openapi: '3.1.0',
    info: {
      title: 'Branchline relay',
      version: 'v1',
      description:
        'Circuits: everything that the relay routes. Errors are problem documents (RFC 9457) with stable types.',
    },
    paths: paths(),
    components: {
      schemas: components(),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key (blk_…), or a join token (blj_…).' },
      },
    },
  }
  return made
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    metadata: registryOf(io),
    unrepresentable: 'any',
  })
  const { $defs: _defs, ...rest } = json
  return JSON.parse(JSON.stringify(rest).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
}

function registryOf(io: 'input' | 'output'): z.core.$ZodRegistry<z.core.GlobalMeta> {
  const registry = z.registry<z.core.GlobalMeta>()
  for (const [id, schema] of Object.entries(io === 'input' ? SENT : RECEIVED)) {
    registry.add(schema, { ...z.globalRegistry.get(schema), id })
  }
  return registry
}

function components(): Json {
  const all = [
    ...Object.entries(SENT).map(([id, schema]) => [id, definition(schema, 'input')] as const),
    ...Object.entries(RECEIVED).map(([id, schema]) => [id, definition(schema, 'output')] as const),
  ]
  return Object.fromEntries(all)
}

/** The schema of a component itself, with references to the others. */
function definition(schema: z.ZodType, io: 'input' | 'output'): Json {
  const json = schemaOf(z.object({ it: schema }), io) as { properties: { it: Json } }
  const reference = json.properties.it['$ref']
  if (typeof reference !== 'string') return json.properties.it
  const { $defs = {} } = z.toJSONSchema(z.object({ it: schema }), {
    io,
    metadata: registryOf(io),
    unrepresentable: 'any',
  })
  const name = reference.slice(reference.lastIndexOf('/') + 1)
  const { id: _id, ...rest } = $defs[name] as Json
  return JSON.parse(JSON.stringify(rest).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json
}

function paths(): Json {
  const all: Record<string, Record<string, Json>> = {}
  for (const [id, operation] of Object.entries(OPERATIONS) as [string, Operation][]) {
    const path = (all[operation.path] ??= {})
    path[operation.method.toLowerCase()] = describe(id, operation)
  }
  return all
}

function describe(id: string, operation: Operation): Json {
  const { tag, summary, needs, body, method } = operation
  const types =
    method === 'PATCH' ? ['application/merge-patch+json', 'application/json'] : ['application/json']
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(needs === 'none' ? { security: [] } : { security: [{ key: [] }] }),
    'x-branchline-needs': needs,
    parameters: parameters(operation),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(types.map((type) => [type, { schema: schemaOf(body, 'input') }])),
          },
        }),
    responses: { ...successes(operation), ...refusals(operation) },
  }
}

function parameters(operation: Operation): Json[] {
  const { params, query, etag, method } = operation
  const named = (where: 'path' | 'query', schema: z.ZodObject | undefined): Json[] => {
    if (schema === undefined) return []
    const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
      properties?: Record<string, Json>
      required?: string[]
    }
    return Object.entries(properties).map(([name, { description, ...schema }]) => {
      const parameter = { name, in: where, required: required.includes(name), schema }
      return description === undefined ? parameter : Object.assign(parameter, { description })
    })
  }
  const header = (name: string, pattern: string, description: string): Json => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', pattern },
  })
  return [
    ...named('path', params),
    ...named('query', query),
    ...(etag === true && method !== 'GET' && method !== 'POST'
      ? [header('If-Match', '^"[0-9]{1,15}"$', 'ETag of the circuit that the change is for.')]
      : []),
    ...(acceptsIdempotencyKey(operation)
      ? [
          header(
            'Idempotency-Key',
            '^[!-~]{1,255}$',
            'A repeated request with the same key gets the stored answer.',
          ),
        ]
      : []),
    ...(operation.format === 'event-stream'
      ? [header('Last-Event-ID', '^[0-9]{1,15}$', 'Id of the last event that the client has.')]
      : []),
  ]
}

const MEDIA = { json: 'application/json', html: 'text/html', 'event-stream': 'text/event-stream' } as const

function successes({ status, also = [], response, format = 'json', etag }: Operation): Json {
  const content =
    format === 'html'
      ? { 'text/html': { schema: { type: 'string' } } }
      : format === 'event-stream'
        ? { 'text/event-stream': { schema: { type: 'string' } } }
        : response === undefined
          ? undefined
          : { [MEDIA[format]]: { schema: schemaOf(response, 'output') } }
  const answer = {
    description: 'Success',
    ...(etag === true
      ? { headers: { ETag: { schema: { type: 'string' }, description: 'Version of the circuit.' } } }
      : {}),
    ...(content === undefined ? {} : { content }),
  }
  return Object.fromEntries([status, ...also].map((code) => [String(code), answer]))
}

function refusals(operation: Operation): Json {
  const names = [...commonRefusals(operation), ...(operation.refusals ?? [])]
  const byStatus = Map.groupBy(new Set(names), (name: ProblemName) => PROBLEMS[name][0])
  const schema = { $ref: '#/components/schemas/Problem' }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      {
        description: list.map((name) => `${PROBLEMS[name][1]}: \`${problemType(name)}\``).join('. '),
        content: { 'application/problem+json': { schema }, 'text/html': { schema: { type: 'string' } } },
      },
    ]),
  )
}
