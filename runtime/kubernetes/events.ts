import { randomBytes } from 'node:crypto'
import type { Logger } from '../process/log.ts'
import type { Api } from './api.ts'
import { ApiError } from './api-error.ts'

/** Something about an object that users want to know. `kubectl describe` shows it as an Event. */
export interface Notification {
  readonly regarding: {
    readonly apiVersion: string
    readonly kind: string
    readonly namespace: string
    readonly name: string
    readonly uid?: string
  }
  readonly type: 'Normal' | 'Warning'
  /** A CamelCase word for programs. */
  readonly reason: string
  /** A sentence for people. It is cut to 1,024 characters, the API's limit. */
  readonly note: string
}

/** The program that reports Events. */
export interface Reporter {
  /** A qualified name, such as `branchline.dev/manager`. */
  readonly controller: string
  /** The name of the replica's pod. */
  readonly instance: string
}

/** How many Events may be written: first a burst, then a number per minute. Also how many may wait. */
export interface EventLimits {
  readonly burst: number
  readonly perMinute: number
  readonly maxWaiting: number
  /** The same notification is not written again within this time. */
  readonly repeatAfterMs: number
}

export const DEFAULT_EVENT_LIMITS: EventLimits = {
  burst: 50,
  perMinute: 60,
  maxWaiting: 200,
  repeatAfterMs: 600_000,
}

const MAX_NOTE_LENGTH = 1_024
const MAX_REMEMBERED = 5_000

/**
 * Writes Events (events.k8s.io/v1), one after the other. It never blocks its caller: it drops notifications
 * that exceed the limits, repeat an earlier one or are refused. The log counts those above the limits.
 */
export class EventRecorder {
  readonly #api: Api
  readonly #reporter: Reporter
  readonly #logger: Logger
  readonly #limits: EventLimits
  readonly #waiting: Notification[] = []
  readonly #writtenAtMs = new Map<string, number>()
  #tokens: number
  #filledAtMs = performance.now()
  #writing = false
  #dropped = 0

  constructor(options: { api: Api; reporter: Reporter; logger: Logger; limits?: EventLimits }) {
    this.#api = options.api
    this.#reporter = options.reporter
    this.#logger = options.logger
    this.#limits = options.limits ?? DEFAULT_EVENT_LIMITS
    this.#tokens = this.#limits.burst
  }

  /** Accepts a notification and returns immediately. */
  record(notification: Notification): void {
    if (this.#repeated(notification)) return
    if (this.#waiting.length >= this.#limits.maxWaiting || !this.#takeToken()) {
      if (this.#dropped++ % 100 === 0) this.#logger.warn({ dropped: this.#dropped }, 'too many events')
      return
    }
    this.#waiting.push(notification)
    if (!this.#writing) void this.#write()
  }

  async #write(): Promise<void> {
    this.#writing = true
    for (
      let notification = this.#waiting.shift();
      notification !== undefined;
      notification = this.#waiting.shift()
    ) {
      const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(notification.regarding.namespace)}/events`
      try {
        await this.#api.request({ method: 'POST', path, body: eventOf(notification, this.#reporter) })
      } catch (error) {
        // The namespace and all its objects are going away, so nothing is lost.
        const gone = error instanceof ApiError && error.causes.includes('NamespaceTerminating')
        this.#logger[gone ? 'debug' : 'warn'](
          { err: error, reason: notification.reason },
          'event not written',
        )
      }
    }
    this.#writing = false
  }

  #repeated({ regarding, reason, note }: Notification): boolean {
    const id = [regarding.kind, regarding.namespace, regarding.name, regarding.uid, reason, note].join('\n')
    const nowMs = performance.now()
    const writtenAtMs = this.#writtenAtMs.get(id)
    if (writtenAtMs !== undefined && nowMs - writtenAtMs < this.#limits.repeatAfterMs) return true
    this.#writtenAtMs.delete(id)
    this.#writtenAtMs.set(id, nowMs)
    if (this.#writtenAtMs.size > MAX_REMEMBERED) {
      const [oldest] = this.#writtenAtMs.keys()
      this.#writtenAtMs.delete(oldest as string)
    }
    return false
  }

  #takeToken(): boolean {
    const nowMs = performance.now()
    const { burst, perMinute } = this.#limits
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAtMs) / 60_000) * perMinute)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** The Event to send. Its time has microseconds (MicroTime). */
function eventOf(notification: Notification, { controller, instance }: Reporter): Record<string, unknown> {
  const { regarding } = notification
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // client-go builds the name in this form. A generateName could not, because it may not end in a dot.
    metadata: {
      name: `${regarding.name}.${randomBytes(8).toString('hex')}`,
      namespace: regarding.namespace,
    },
    eventTime: microTime(new Date()),
    reportingController: controller,
    reportingInstance: instance.slice(0, 128),
    action: 'Reconcile',
    reason: notification.reason.slice(0, 128),
    type: notification.type,
    note: notification.note.slice(0, MAX_NOTE_LENGTH),
    regarding,
  }
}

/** The time in the form of metav1.MicroTime: exactly six digits after the decimal point. */
export const microTime = (date: Date): string => date.toISOString().replace(/\.(\d{3})Z$/, '.$1000Z')
