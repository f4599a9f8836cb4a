import { randomBytes } from 'node:crypto'
import type { Logger } from '../process/log.ts'
import type { Api } from './api.ts'
import { ApiError } from './api-error.ts'

/** Something that a person would want to know of an object, as `kubectl describe` shows it. */
export interface Notice {
  readonly regarding: {
    readonly apiVersion: string
    readonly kind: string
    readonly namespace: string
    readonly name: string
    readonly uid?: string
  }
  readonly type: 'Normal' | 'Warning'
  /** One CamelCase word for programs. */
  readonly reason: string
  /** A sentence for people; cut at 1,024 characters, as the API demands. */
  readonly note: string
}

/** Who reports an Event. */
export interface Reporter {
  /** A qualified name, such as `branchline.dev/manager`. */
  readonly controller: string
  /** The replica: its pod's name. */
  readonly instance: string
}

/** How many Events may be written: a burst, then so many a minute; and how many wait. */
export interface EventLimits {
  readonly burst: number
  readonly perMinute: number
  readonly maxWaiting: number
  /** The same notice is not told again within this time. */
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
 * Writes Events (events.k8s.io/v1), one after the other, never in anybody's way: what is too much, repeated
 * or refused is dropped, and counted in the log.
 */
export class EventRecorder {
  readonly #api: Api
  readonly #reporter: Reporter
  readonly #logger: Logger
  readonly #limits: EventLimits
  readonly #waiting: Notice[] = []
  readonly #toldAtMs = new Map<string, number>()
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

  /** Takes a notice and returns at once. */
  record(notice: Notice): void {
    if (this.#repeated(notice)) return
    if (this.#waiting.length >= this.#limits.maxWaiting || !this.#takeToken()) {
      if (this.#dropped++ % 100 === 0) this.#logger.warn({ dropped: this.#dropped }, 'too many events')
      return
    }
    this.#waiting.push(notice)
    if (!this.#writing) void this.#write()
  }

  async #write(): Promise<void> {
    this.#writing = true
    for (let notice = this.#waiting.shift(); notice !== undefined; notice = this.#waiting.shift()) {
      const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(notice.regarding.namespace)}/events`
      try {
        await this.#api.request({ method: 'POST', path, body: eventOf(notice, this.#reporter) })
      } catch (error) {
        // Where all goes, nobody is left to read it.
        const gone = error instanceof ApiError && error.causes.includes('NamespaceTerminating')
        this.#logger[gone ? 'debug' : 'warn']({ err: error, reason: notice.reason }, 'event not written')
      }
    }
    this.#writing = false
  }

  #repeated({ regarding, reason, note }: Notice): boolean {
    const id = [regarding.kind, regarding.namespace, regarding.name, regarding.uid, reason, note].join('\n')
    const nowMs = performance.now()
    const toldAtMs = this.#toldAtMs.get(id)
    if (toldAtMs !== undefined && nowMs - toldAtMs < this.#limits.repeatAfterMs) return true
    this.#toldAtMs.delete(id)
    this.#toldAtMs.set(id, nowMs)
    if (this.#toldAtMs.size > MAX_REMEMBERED) {
      const [oldest] = this.#toldAtMs.keys()
      this.#toldAtMs.delete(oldest as string)
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

/** The object that is sent; its time has microseconds (MicroTime). */
export function eventOf(notice: Notice, { controller, instance }: Reporter): Record<string, unknown> {
  const { regarding } = notice
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // A generateName may not end in a point, and this is the form that client-go gives them.
    metadata: {
      name: `${regarding.name}.${randomBytes(8).toString('hex')}`,
      namespace: regarding.namespace,
    },
    eventTime: microTime(new Date()),
    reportingController: controller,
    reportingInstance: instance.slice(0, 128),
    action: 'Reconcile',
    reason: notice.reason.slice(0, 128),
    type: notice.type,
    note: notice.note.slice(0, MAX_NOTE_LENGTH),
    regarding,
  }
}

/** A time as metav1.MicroTime is written: exactly six digits behind the point. */
export const microTime = (date: Date): string => date.toISOString().replace(/\.(\d{3})Z$/, '.$1000Z')
