import { get, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { text } from 'node:stream/consumers'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import {
  type LocalEvent,
  localEvent,
  type LocalKind,
  localObjects,
  type LocalPatch,
  localProblems,
} from '@branchline/wire/local-api'
import type { FoundRun } from '@branchline/runtime/local/runs'
import { CliError } from '../platform/errors.ts'
import { eachLine } from './lines.ts'
import type { ContainerName, LogOptions, Target } from './target.ts'

/** How long a call other than a watch or a log may take, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000

/** A running `branchline up`, through its Unix socket. */
export class LocalTarget implements Target {
  readonly type = 'up'
  readonly name: string
  readonly #socketPath: string

  constructor(run: FoundRun) {
    this.#socketPath = run.socket
    this.name = runName(run)
  }

  async list(kind: LocalKind, namespace?: string): Promise<KubernetesObject[]> {
    const query = { kind, ...(namespace !== undefined && { namespace }) }
    return localObjects.parse(JSON.parse(await this.#read('/v1/objects', query))).items
  }

  async watch(
    kinds: readonly LocalKind[],
    namespace: string | undefined,
    onEvent: (event: LocalEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#lines('/v1/watch', {}, signal, (line) => {
      const event = localEvent.parse(JSON.parse(line)) as LocalEvent
      const isWanted =
        event.type === 'SYNCED' ||
        (kinds.some((kind) => kind === event.object.kind) &&
          (namespace === undefined || event.object.metadata.namespace === namespace))
      if (isWanted) onEvent(event)
    })
    if (!signal.aborted) throw this.#ended()
  }

  async log(
    { namespace, pod, container }: ContainerName,
    { follow, tail }: LogOptions,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = {
      namespace,
      pod,
      container,
      follow: String(follow),
      ...(tail !== undefined && { tail: String(tail) }),
    }
    await this.#lines('/v1/log', query, signal, onLine)
  }

  async patch(patch: LocalPatch): Promise<void> {
    const body = JSON.stringify(patch)
    const response = await this.#send(
      '/v1/patches',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      },
      body,
    )
    await this.#checked(response, `${patch.kind} ${patch.name}`)
    response.resume()
  }

  async problems(): Promise<string[]> {
    const { problems } = localProblems.parse(JSON.parse(await this.#read('/v1/problems', {})))
    return problems.map(({ text: line }) => line)
  }

  serverVersion(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async #read(path: string, query: Record<string, string>): Promise<string> {
    const response = await this.#send(pathOf(path, query), { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) })
    await this.#checked(response, path)
    return await text(response)
  }

  async #lines(
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
    onLine: (line: string) => void,
  ): Promise<void> {
    try {
      const response = await this.#send(pathOf(path, query), { signal })
      await this.#checked(response, query['pod'] ?? path)
      await eachLine(response, onLine, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #checked(response: IncomingMessage, what: string): Promise<void> {
    const { statusCode = 0 } = response
    if (statusCode < 300) return
    const reason = (await text(response)).trim()
    throw new CliError('BL_TARGET', `${what}: ${this.name} answered ${statusCode}: ${reason}`)
  }

  #send(path: string, options: RequestOptions, body?: string): Promise<IncomingMessage> {
    const all = { ...options, path, socketPath: this.#socketPath, agent: false }
    return new Promise((resolve, reject) => {
      const request = body === undefined ? get(all) : httpRequest(all).end(body)
      request.once('response', resolve).once('error', (error: NodeJS.ErrnoException) => {
        const isGone = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
        reject(isGone ? this.#ended(error) : error)
      })
    })
  }

  #ended(cause?: Error): CliError {
    return new CliError('BL_TARGET', `${this.name} has ended: start it again`, { cause })
  }
}

/** Names a running `up` for messages. */
export const runName = ({ folder, ports, pid }: FoundRun): string =>
  `up of ${folder} (${ports.length > 0 ? `port ${ports[0]}, ` : ''}process ${pid})`

function pathOf(path: string, query: Record<string, string>): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? path : `${path}?${text}`
}
