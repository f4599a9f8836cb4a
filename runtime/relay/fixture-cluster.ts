import { TUNNEL_PATH } from '@branchline/wire/names'
import { parseRelayMessage, type RegisteredPreview, type Registration } from '@branchline/wire/tunnel/control'
import { dialTcp } from '../transport/tcp.ts'
import { pipe } from '../transport/pipe.ts'
import { TunnelDialler, type TunnelLinkError, type TunnelStream } from '../tunnel/index.ts'
import { TOKEN } from './fixture.ts'
import { later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

/** A preview of the service `web` of an environment, with its own name as the key. */
export const previewOf = (environment: string, access = 'public'): RegisteredPreview => ({
  label: `web--${environment}`,
  environment,
  key: environment,
  service: 'web',
  port: 80,
  access,
})

/** The identity with which a cluster connects. */
export interface ClusterOptions {
  readonly token?: string
  readonly instance?: string
  /** The number of the instance's connection. Default: the first. */
  readonly link?: number
}

/** A minimal cluster for tests of the relay: a few services, by `environment/service:port`. */
export class TestCluster {
  readonly registrations = new Map<string, Registration>()
  readonly downs: TunnelLinkError[] = []
  readonly services = new Map<string, string>()
  readonly streams: TunnelStream[] = []
  readonly goneAway: string[] = []
  readonly dialler: TunnelDialler
  registered = 0
  /** How often the relay reported that another instance leads. */
  led = 0
  /** The number of streams that the relay has announced for this connection. */
  offered: number | undefined
  /** The further workers that the relay has named. */
  workers: readonly string[] | undefined

  constructor(
    port: number,
    name: string,
    previews: readonly RegisteredPreview[],
    { token = TOKEN, instance, link: number }: ClusterOptions = {},
  ) {
    this.dialler = new TunnelDialler({
      url: `ws://127.0.0.1:${port}${TUNNEL_PATH}`,
      token,
      limits: { backoff: { firstMs: 10, maxMs: 50 } },
      onOpen: (link) => {
        const identity = {
          cluster: name,
          ...(instance !== undefined && { instance }),
          ...(number !== undefined && { link: number }),
        }
        link.control({ type: 'register', ...identity, previews: [...previews] })
      },
      onDown: (error) => void this.downs.push(error),
      onControl: (_link, payload) => {
        const message = parseRelayMessage(payload)
        if (message.type === 'goaway') {
          this.goneAway.push(message.reason)
          return
        }
        this.registered++
        if (message.led === true) this.led++
        this.offered ??= message.streams
        this.workers = message.workers ?? this.workers
        for (const registration of message.previews) this.registrations.set(registration.label, registration)
      },
      onStream: (_link, stream) => this.#serve(stream),
    })
    this.dialler.start()
    later(async () => this.dialler.stop())
  }

  /** Connects and registers a cluster. */
  static async connect(
    port: number,
    name: string,
    previews: readonly RegisteredPreview[],
    services: Record<string, string> = {},
    options: ClusterOptions = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(port, name, previews, options)
    for (const [service, endpoint] of Object.entries(services)) cluster.services.set(service, endpoint)
    await until(() => cluster.registered > 0)
    return cluster
  }

  #serve(stream: TunnelStream): void {
    this.streams.push(stream)
    const { environment, service, port } = stream.target
    const endpoint = this.services.get(`${environment}/${service}:${port}`)
    if (endpoint === undefined) return stream.reset('unknown', `no service ${service}`)
    const [host, number] = endpoint.split(':') as [string, string]
    stream.accept()
    pipe(stream, dialTcp(host, Number(number)))
  }
}
