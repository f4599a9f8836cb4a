import { z } from 'zod'
import { GROUP } from '../names.ts'

/**
 * Every kind of problem that the API answers with, by name: its HTTP status and its title. A client branches on `type`,
 * which {@link problemType} makes from the name, never on texts. A name is never reused for another meaning.
 */
export const PROBLEMS = {
  'invalid-request': [400, 'The request is not valid'],
  unauthorized: [401, 'The request has no valid credential'],
  'missing-scope': [403, 'The key does not have the scope'],
  forbidden: [403, 'The key may not do this'],
  'not-found': [404, 'Not found'],
  'method-not-allowed': [405, 'The method does not exist here'],
  'already-exists': [409, 'It exists already'],
  'port-taken': [409, 'Another circuit has the port'],
  'ports-exhausted': [409, 'All ports of the group are in use'],
  'in-use': [409, 'It is in use'],
  'request-running': [409, 'The same request is still running'],
  'precondition-failed': [412, 'The circuit has changed'],
  'too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The media type of the body is not supported'],
  'invalid-fields': [422, 'The body has invalid fields'],
  'idempotency-key-reused': [422, 'The idempotency key belongs to another request'],
  'too-many-failures': [429, 'Too many requests with a wrong credential'],
  internal: [500, 'The relay has failed'],
  unavailable: [503, 'The relay cannot do this now'],
} as const satisfies Record<string, readonly [status: number, title: string]>
export type ProblemName = keyof typeof PROBLEMS

/** The URI that identifies a kind of problem (RFC 9457, 3.1.1). It is an identifier; nothing has to answer there. */
export const problemType = (name: ProblemName): string => `https://${GROUP}/problems/${name}`

const fault = z.object({
  pointer: z
    .string()
    .describe('JSON pointer to the field in the body (RFC 6901), or `?name` for a parameter.'),
  detail: z.string().describe('What is wrong with the value, as a sentence.'),
})
/** One invalid field. */
export type Fault = z.infer<typeof fault>

/** A problem document: `application/problem+json` (RFC 9457). */
export const problem = z.object({
  type: z.string().describe('URI that identifies the kind of problem. It never changes.'),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().optional().describe('What happened in this case.'),
  remedy: z.string().optional().describe('What to do.'),
  instance: z.string().optional().describe('Path of the request.'),
  requestId: z.string().optional().describe('Id of the request in the logs of the relay.'),
  errors: z.array(fault).optional().describe('All invalid fields.'),
})
export type Problem = z.infer<typeof problem>

/** A refusal of the API, or an answer that is no answer of the API. `type` and `status` say which kind it is. */
export class ProblemError extends Error {
  readonly code = 'BL_RELAY_API'
  readonly problem: Problem

  constructor(problem: Problem, options?: ErrorOptions) {
    const { title, detail, remedy, errors = [] } = problem
    const faults = errors.map(({ pointer, detail }) => `${pointer}: ${detail}`)
    super([`${title}.`, detail, ...faults, remedy].filter((part) => part !== undefined).join(' '), options)
    this.name = 'ProblemError'
    this.problem = problem
  }

  get type(): string {
    return this.problem.type
  }

  get status(): number {
    return this.problem.status
  }

  get detail(): string | undefined {
    return this.problem.detail
  }

  /** Whether it is a problem of this kind. */
  is(name: ProblemName): boolean {
    return this.problem.type === problemType(name)
  }
}

/** What a refusal says besides its kind. */
export interface ProblemDetails {
  readonly detail?: string
  readonly remedy?: string
  readonly errors?: readonly Fault[]
}

/** Returns a refusal of the kind `name`. */
export function refusal(name: ProblemName, { errors, ...details }: ProblemDetails = {}): ProblemError {
  const [status, title] = PROBLEMS[name]
  return new ProblemError({
    type: problemType(name),
    title,
    status,
    ...details,
    ...(errors === undefined ? {} : { errors: [...errors] }),
  })
}
