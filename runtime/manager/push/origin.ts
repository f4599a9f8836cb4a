import { isIPv6, SocketAddress } from 'node:net'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { z } from 'zod'
import type { PodIdentity } from '../sources/source.ts'
import { nameId } from '../store/snapshot.ts'

/** Why a pod's token does not count from where it was shown. */
export type OriginFault =
  /** The pod has other addresses. */
  | { readonly reason: 'address'; readonly expected: readonly string[] }
  /** Nobody has told of the pod, or of its address, in time. */
  | { readonly reason: 'unknown' }

export interface OriginLimits {
  /** How long a token waits for the news of its pod: a sidecar may be faster than its pod's address. */
  readonly podKnownTimeoutMs: number
  /** The most tokens that wait so at once; others are refused, to come again. */
  readonly maxUnknownPods: number
}

/** Where a pod is: its own addresses, its node's where it has hostNetwork. */
interface Whereabouts {
  readonly uid: string | undefined
  readonly addresses: ReadonlySet<string>
}

const pod = z.object({
  status: z
    .object({
      phase: z.string().nullish(),
      podIP: z.string().nullish(),
      podIPs: z.array(z.object({ ip: z.string() })).nullish(),
    })
    .nullish(),
})

/**
 * Where pods are, so that a token counts only where its pod is: one that was carried off, from a volume or a
 * backup, is worth nothing elsewhere.
 */
export class PodOrigins {
  readonly #limits: OriginLimits
  readonly #pods = new Map<string, Whereabouts>()
  readonly #waiting = new Map<string, Set<() => void>>()
  #waits = 0

  constructor(limits: OriginLimits) {
    this.#limits = limits
  }

  /** Takes in a Pod as it is now; one that cannot be read is nowhere. */
  put(object: KubernetesObject): void {
    const { status } = pod.safeParse(object).data ?? {}
    const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    const ips = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? '']
    const addresses = new Set(ended ? [] : ips.filter((ip) => ip !== '').map(canonical))
    const id = idOf(object)
    this.#pods.set(id, { uid: object.metadata.uid, addresses })
    for (const wake of this.#waiting.get(id) ?? []) wake()
  }

  /** Forgets a Pod. */
  remove(object: KubernetesObject): void {
    this.#pods.delete(idOf(object))
  }

  /**
   * What is wrong with a pod's token that comes from this address; undefined where it is the pod's own. The
   * API server has found the token right, so its pod is there: where that is not known yet, this waits for it.
   */
  async judge(identity: PodIdentity, from: string): Promise<OriginFault | undefined> {
    const id = nameId(identity.namespace, identity.pod)
    const untilMs = performance.now() + this.#limits.podKnownTimeoutMs
    for (;;) {
      const known = this.#pods.get(id)
      if (known !== undefined && known.addresses.size > 0 && isSame(identity.uid, known.uid)) {
        if (known.addresses.has(canonical(from))) return undefined
        return { reason: 'address', expected: [...known.addresses] }
      }
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0 || !(await this.#news(id, leftMs))) return { reason: 'unknown' }
    }
  }

  /** Whether there was news of a pod within a time. */
  async #news(id: string, withinMs: number): Promise<boolean> {
    if (this.#waits >= this.#limits.maxUnknownPods) return false
    this.#waits++
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const wake = (): void => resolve(true)
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting.add(wake))
    const timer = setTimeout(() => resolve(false), withinMs).unref()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waits--
      waiting.delete(wake)
      if (waiting.size === 0) this.#waiting.delete(id)
    }
  }
}

const idOf = ({ metadata }: KubernetesObject): string => nameId(metadata.namespace ?? '', metadata.name)

/** A pod of a name is not the one that had it before; a source without uids cannot tell. */
const isSame = (one: string | undefined, two: string | undefined): boolean =>
  one === undefined || two === undefined || one === two

/** An address as it is compared: IPv4 as such, IPv6 in its short form (RFC 5952), without a zone. */
function canonical(address: string): string {
  const plain = address.split('%', 1)[0] as string
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  return isIPv6(plain) ? new SocketAddress({ address: plain, family: 'ipv6' }).address : plain
}
