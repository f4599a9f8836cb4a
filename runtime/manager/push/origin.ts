import { isIPv6, SocketAddress } from 'node:net'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { z } from 'zod'
import type { PodIdentity } from '../sources/source.ts'
import { nameId } from '../store/snapshot.ts'

/** Why a pod's token is not valid from the address that presented it. */
export type OriginFault =
  /** The pod has other addresses. */
  | { readonly reason: 'address'; readonly expected: readonly string[] }
  /** The pod, or its address, did not become known in time. */
  | { readonly reason: 'unknown' }

export interface OriginLimits {
  /** How long a token waits until its pod's address is known. A sidecar may connect before that. */
  readonly podKnownTimeoutMs: number
  /** The maximum tokens that wait at once. Others are refused and may try again. */
  readonly maxUnknownPods: number
}

/** The addresses of a pod: its own, or its node's if it uses hostNetwork. */
interface KnownPod {
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
 * The addresses of all pods, so that a token is valid only from its own pod. A token that was stolen, for example
 * from a volume or a backup, is useless elsewhere.
 */
export class PodOrigins {
  readonly #limits: OriginLimits
  readonly #pods = new Map<string, KnownPod>()
  readonly #waiting = new Map<string, Set<() => void>>()
  #waits = 0

  constructor(limits: OriginLimits) {
    this.#limits = limits
  }

  /** Stores the current state of a Pod. A Pod with an invalid status has no addresses. */
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
   * Why a pod's token is not valid from this address. Undefined if the address is the pod's own. The API server has
   * confirmed the token, so its pod exists. If the pod is not known here yet, this waits for it.
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
      if (leftMs <= 0 || !(await this.#changed(id, leftMs))) return { reason: 'unknown' }
    }
  }

  /** Whether a pod changed within a time. */
  async #changed(id: string, withinMs: number): Promise<boolean> {
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

/** Whether two pods of one name are the same. A source without uids cannot tell. */
const isSame = (one: string | undefined, two: string | undefined): boolean =>
  one === undefined || two === undefined || one === two

/** The canonical form of an address: IPv4 as it is, IPv6 in its short form (RFC 5952) without a zone. */
function canonical(address: string): string {
  const plain = address.split('%', 1)[0] as string
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return mapped
  return isIPv6(plain) ? new SocketAddress({ address: plain, family: 'ipv6' }).address : plain
}
