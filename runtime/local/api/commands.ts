import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  LOCAL_KINDS,
  type LocalObjects,
  type LocalPatch,
  type LocalProblems,
} from '@branchline/wire/local-api'
import type { ContainerLog } from '../pods/logs.ts'
import { describeProblem, type Problem } from '../types.ts'
import { BadRequest } from './bad-request.ts'
import type { Store } from './store.ts'

/** The maximum bytes of a log that a slow reader may leave unread. Beyond it the response ends. */
const MAX_UNREAD_LENGTH = 8 * 1024 * 1024

/** What the part of the API for the command line shows. */
export interface CommandOptions {
  readonly store: Store
  readonly problems: () => readonly Problem[]
  /** The output of a container, or undefined if there is no such container. */
  readonly log: (namespace: string, pod: string, container: string) => ContainerLog | undefined
  /** Makes a patch. Returns false if there is no such object. */
  readonly patch: (patch: LocalPatch) => boolean
}

/** Answers a GET of the command line (`wire/local-api.ts`): objects, problems and logs. */
export function answerCommand(
  options: CommandOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  switch (`${request.method} ${pathname}`) {
    case 'GET /v1/objects':
      return json(response, objects(options.store, searchParams))
    case 'GET /v1/problems':
      return json(response, {
        problems: options
          .problems()
          .map((problem) => ({ severity: problem.severity, text: describeProblem(problem) })),
      } satisfies LocalProblems)
    case 'GET /v1/log':
      return sendLog(options, searchParams, response)
    default:
      response.writeHead(404).end('not found\n')
  }
}

function objects(store: Store, query: URLSearchParams): LocalObjects {
  const kind = LOCAL_KINDS.find((one) => one === query.get('kind'))
  if (kind === undefined) throw new BadRequest(400, `kind: wanted one of ${LOCAL_KINDS.join(', ')}`)
  const namespace = query.get('namespace')
  const all = store.list(kind)
  return {
    items: namespace === null ? all : all.filter(({ metadata }) => metadata.namespace === namespace),
  }
}

function sendLog({ log }: CommandOptions, query: URLSearchParams, response: ServerResponse): void {
  const [namespace, pod, container] = ['namespace', 'pod', 'container'].map((name) => query.get(name) ?? '')
  const found = log(namespace as string, pod as string, container as string)
  if (found === undefined) throw new BadRequest(404, `pod ${namespace}/${pod} has no container ${container}`)
  const tail = query.get('tail')
  const lines = tail === null ? found.lines : lastOf(found.lines, Number(tail))
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
  response.write(lines.map((line) => `${line}\n`).join(''))
  if (query.get('follow') !== 'true') {
    response.end()
    return
  }
  // No line is lost or sent twice, because all of this happens in one turn.
  const unfollow = found.follow({
    line: (text) => {
      response.write(`${text}\n`)
      if (response.writableLength > MAX_UNREAD_LENGTH) response.destroy()
    },
    end: () => response.end(),
  })
  response.once('close', unfollow)
}

const lastOf = (lines: readonly string[], count: number): readonly string[] =>
  count > 0 ? lines.slice(-count) : []

/** Sends a value as JSON. */
export function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
