import { createServer, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalEvent, LocalStatus } from '@branchline/wire/local-api'

/**
 * The manager's source: the API of the embedded cluster (wire/local-api.ts), without a cluster. A pod's token is its
 * `namespace/name`. A written status comes back as an event, as in every cluster.
 */
export class SimulatedApi {
  /** The number of statuses that the manager wrote. */
  statuses = 0
  readonly #objects = new Map<string, KubernetesObject>()
  readonly #watchers = new Set<ServerResponse>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(`${request.method} ${request.url}`, () => json(request), response)
    })
  }

  async listen(socketPath: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(socketPath, resolve))
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  put(objects: readonly KubernetesObject[]): void {
    const events = objects.map((object): LocalEvent => {
      const id = idOf(object)
      const type = this.#objects.has(id) ? 'MODIFIED' : 'ADDED'
      this.#objects.set(id, object)
      return { type, object }
    })
    this.#tell(events)
  }

  remove(objects: readonly KubernetesObject[]): void {
    for (const object of objects) this.#objects.delete(idOf(object))
    this.#tell(objects.map((object): LocalEvent => ({ type: 'DELETED', object })))
  }

  #tell(events: readonly LocalEvent[]): void {
    const text = lines(events)
    for (const watcher of this.#watchers) watcher.write(text)
  }

  async #answer(call: string, body: () => Promise<unknown>, response: ServerResponse): Promise<void> {
    if (call === 'GET /v1/watch') {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      const all = [...this.#objects.values()].map((object): LocalEvent => ({ type: 'ADDED', object }))
      response.write(lines([...all, { type: 'SYNCED' }]))
      this.#watchers.add(response)
      response.once('close', () => this.#watchers.delete(response))
    } else if (call === 'PUT /v1/status') {
      this.#keep((await body()) as LocalStatus)
      response.end()
    } else if (call === 'POST /v1/tokenreviews') {
      const [namespace, pod] = ((await body()) as { token: string }).token.split('/')
      response.end(JSON.stringify({ namespace, pod }))
    } else response.writeHead(404).end()
  }

  #keep({ kind, namespace, name, status }: LocalStatus): void {
    this.statuses++
    const object = this.#objects.get(`${kind}/${namespace}/${name}`)
    if (object !== undefined) this.put([{ ...object, status }])
  }
}

const idOf = ({ kind, metadata }: KubernetesObject): string =>
  `${kind}/${metadata.namespace ?? ''}/${metadata.name}`

const lines = (events: readonly LocalEvent[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('')
