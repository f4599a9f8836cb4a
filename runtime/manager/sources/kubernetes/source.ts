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

/** The options of a Kubernetes source. */
export interface KubernetesSourceOptions {
  /** The API server's address and credentials: see `loadAccess`. */
  readonly access: ApiAccess
  readonly logger: Logger
  /** This replica's name for Events: the pod's name. */
  readonly instance: string
  /** Default: {@link DEFAULT_KUBERNETES_LIMITS}. */
  readonly limits?: Partial<KubernetesLimits>
}

/** A {@link Source}, and what else the manager needs from the same API server. */
export interface KubernetesSource extends Source {
  /** For the Lease, with the same credentials and limits. */
  readonly api: Api
  /** Writes an Event about an object, and returns immediately. Changed conditions get their Events automatically. */
  record(notification: Notification): void
}

/** Creates the manager's source on a real API server. Before `start` it only reviews tokens. */
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
      // Before the write, because the watch may report the change before the response arrives.
      const notifications = conditions.write(write)
      await applyStatus(api, write)
      for (const notification of notifications) recorder.record(notification)
    },

    async remove(removal: Removal): Promise<void> {
      // Its conditions are gone with it, so only the Event can give the reason.
      if (await deleteEnvironment(api, removal)) recorder.record(removalNotification(removal))
    },

    reviewToken: async (token: string): Promise<PodIdentity | undefined> => await reviewer.review(token),
  }
}

/** The reporter of Events, which `kubectl describe` shows. */
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
  note: 'its ttl has ended, so it was deleted with the objects that name it as their owner; its namespace stays',
})

/**
 * The last seen conditions of Environments and Previews. So a change gets one Event, from the replica that writes
 * it, and a restarted manager does not repeat old Events.
 */
class Conditions {
  readonly #last = new Map<string, { uid: string | undefined; conditions: readonly ConditionSeen[] }>()

  saw({ type, object }: { type: ObjectEvent['type']; object: KubernetesObject }): void {
    if (!hasStatus(object)) return
    const id = objectId(object)
    if (type === 'DELETED') this.#last.delete(id)
    else this.#last.set(id, { uid: object.metadata.uid, conditions: conditionsOf(object['status']) })
  }

  /** The Events to write once this status write has succeeded. */
  write({ kind, namespace, name, status }: StatusWrite): Notification[] {
    const last = this.#last.get(objectId({ kind, metadata: { namespace, name } }))
    if (last === undefined) return []
    const uid = last.uid === undefined ? {} : { uid: last.uid }
    const regarding = { apiVersion: API_VERSION, kind, namespace, name, ...uid }
    return notificationsOf(regarding, last.conditions, conditionsOf(status))
  }
}
