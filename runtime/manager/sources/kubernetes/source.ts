import type { KubernetesObject, ObjectEvent } from '@branchline/wire/kubernetes'
import { API_VERSION } from '@branchline/wire/names'
import type { Logger } from '../../../process/log.ts'
import {
  objectId,
  type PodIdentity,
  type Removal,
  type Source,
  type SourceEvent,
  type StatusWrite,
} from '../source.ts'
import type { ApiAccess } from '../../../kubernetes/access.ts'
import { type Api, createApi } from '../../../kubernetes/api.ts'
import { EventRecorder, type Notification } from '../../../kubernetes/events.ts'
import { RESOURCES, type WatchedKind } from './kinds.ts'
import { DEFAULT_KUBERNETES_LIMITS, type KubernetesLimits } from '../../../kubernetes/limits.ts'
import { Reflector } from '../../../kubernetes/reflector.ts'
import { type ConditionSeen, conditionsOf, notificationsOf } from './notifications.ts'
import { deleteEnvironment } from './remove.ts'
import { applyStatus, hasStatus } from './status.ts'
import { TokenReviewer } from './token-review.ts'

/** What a Kubernetes source is made of. */
export interface KubernetesSourceOptions {
  /** Where the API server is and who asks: see `loadAccess`. */
  readonly access: ApiAccess
  readonly logger: Logger
  /** This replica's name, told with Events: the pod's. */
  readonly instance: string
  /** Default: {@link DEFAULT_KUBERNETES_LIMITS}. */
  readonly limits?: Partial<KubernetesLimits>
}

/** A {@link Source} with what else the manager needs of the same API server. */
export interface KubernetesSource extends Source {
  /** For the Lease: same credentials, same limits. */
  readonly api: Api
  /** Tells people something of an object; returns at once. Changed conditions are told without it. */
  record(notification: Notification): void
}

/** The manager's source on a real API server. Nothing is asked before `start`, but for token reviews. */
export function createKubernetesSource(options: KubernetesSourceOptions): KubernetesSource {
  const { logger, instance } = options
  const limits = { ...DEFAULT_KUBERNETES_LIMITS, ...options.limits }
  const api = createApi(options.access, limits)
  const reviewer = new TokenReviewer(api)
  const recorder = new EventRecorder({ api, reporter: { controller: CONTROLLER, instance }, logger })
  const conditions = new Conditions()
  const stopping = new AbortController()
  let loops: Promise<void>[] = []

  return {
    api,
    record: (notification) => recorder.record(notification),

    start(handler: (event: SourceEvent) => void): void {
      const unlisted = new Set<WatchedKind>(RESOURCES.map(({ kind }) => kind))
      const onEvent = (event: ObjectEvent): void => {
        conditions.saw(event)
        handler(event)
      }
      loops = RESOURCES.map(async (resource) => {
        const onListed = (): void => {
          unlisted.delete(resource.kind)
          if (unlisted.size === 0) handler({ type: 'SYNCED' })
        }
        const reflector = new Reflector({ api, resource, limits, logger, onEvent, onListed })
        await reflector.run(stopping.signal)
      })
    },

    async stop(): Promise<void> {
      stopping.abort()
      await Promise.all(loops)
      api.close()
    },

    async writeStatus(write: StatusWrite): Promise<void> {
      // Before the write: the watch may tell of it sooner than the answer comes.
      const notifications = conditions.write(write)
      await applyStatus(api, write)
      for (const notification of notifications) recorder.record(notification)
    },

    async remove(removal: Removal): Promise<void> {
      // Its conditions are gone with it, so its Event is all that says why.
      if (await deleteEnvironment(api, removal)) recorder.record(removalNotification(removal))
    },

    reviewToken: async (token: string): Promise<PodIdentity | undefined> => await reviewer.review(token),
  }
}

/** Who reports Events, as `kubectl describe` shows it. */
const CONTROLLER = 'branchline.dev/manager'

const removalNotification = ({ namespace, name, uid }: Removal): Notification => ({
  regarding: {
    apiVersion: API_VERSION,
    kind: 'Environment',
    namespace,
    name,
    ...(uid !== undefined && { uid }),
  },
  type: 'Normal',
  reason: 'TimeToLiveEnded',
  note: 'its ttl has ended and nobody holds it: it is deleted, with what names it as owner; its namespace stays',
})

/**
 * The conditions of Environments and Previews as they were seen last, so that a change is told once, by
 * whichever replica writes it, and a restarted manager does not tell everything again.
 */
class Conditions {
  readonly #last = new Map<string, { uid: string | undefined; told: readonly ConditionSeen[] }>()

  saw({ type, object }: { type: ObjectEvent['type']; object: KubernetesObject }): void {
    if (!hasStatus(object)) return
    const id = objectId(object)
    if (type === 'DELETED') this.#last.delete(id)
    else this.#last.set(id, { uid: object.metadata.uid, told: conditionsOf(object['status']) })
  }

  /** What people are to be told once this write has been taken. */
  write({ kind, namespace, name, status }: StatusWrite): Notification[] {
    const last = this.#last.get(objectId({ kind, metadata: { namespace, name } }))
    if (last === undefined) return []
    const uid = last.uid === undefined ? {} : { uid: last.uid }
    const regarding = { apiVersion: API_VERSION, kind, namespace, name, ...uid }
    return notificationsOf(regarding, last.told, conditionsOf(status))
  }
}
