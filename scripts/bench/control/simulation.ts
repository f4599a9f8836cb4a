import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { SimulatedApi } from './api.ts'
import {
  Addresses,
  BASE,
  branchName,
  endpointOf,
  environmentObjects,
  HOT,
  overridesOf,
  podId,
  podObject,
  runningObjects,
  type Size,
  sliceObject,
} from './cluster.ts'
import type { Expected } from './fleet.ts'

/** A change of the cluster, and the sidecars that must learn of it. */
export interface Change {
  apply(): void
  readonly expected: Expected
}

/** The simulated cluster: a baseline, its branches, and the measured changes. */
export class Simulation {
  readonly #api: SimulatedApi
  readonly #size: Size
  readonly #addresses = new Addresses()
  /** All sidecars of the baseline and those of the first branches are connected. */
  readonly #connectedBranches: number
  #made = 0

  constructor(api: SimulatedApi, size: Size, connectedBranches: number) {
    this.#api = api
    this.#size = size
    this.#connectedBranches = connectedBranches
  }

  fill(): void {
    this.#api.put(environmentObjects(BASE))
    for (let index = 0; index < this.#size.services; index++) {
      this.#api.put(runningObjects(BASE, `s${index}`, this.#addresses.next()))
    }
    for (let index = 0; index < this.#size.branches; index++) this.#api.put(this.#branch(index).objects)
  }

  get pods(): string[] {
    const pods = this.#basePods()
    for (let index = 0; index < this.#connectedBranches; index++) {
      const name = branchName(index)
      pods.push(...overridesOf(index, this.#size).map((service) => podId(name, service)))
    }
    return pods
  }

  /** An override gets another endpoint, which the baseline's sidecar of the Service must learn. */
  overrideMoves(service?: string): Change {
    const index = random(this.#size.branches)
    const overrides = overridesOf(index, this.#size)
    const name = service ?? overrides[random(overrides.length)] ?? HOT
    const ip = this.#addresses.next()
    return {
      apply: () => this.#api.put([sliceObject(branchName(index), name, ip)]),
      expected: new Map([[podId(BASE, name), [endpointOf(ip)]]]),
    }
  }

  /** A Service of the baseline gets another endpoint, which the sidecars of all its overrides must learn. */
  baseMoves(service?: string): Change {
    const number = 1 + random(this.#size.services - 1)
    const name = service ?? `s${number}`
    const ip = this.#addresses.next()
    const pods = this.pods.filter((pod) => !pod.startsWith(`${BASE}/`) && pod.endsWith(`/${name}-0`))
    return {
      apply: () => this.#api.put([sliceObject(BASE, name, ip)]),
      expected: new Map(pods.map((pod) => [pod, [endpointOf(ip)]])),
    }
  }

  /** A branch's pod gets another address, by which every sidecar of the baseline identifies callers. */
  podMoves(): Change {
    const index = random(this.#size.branches)
    const ip = this.#addresses.next()
    const name = branchName(index)
    const expected = this.#basePods().map((pod): [string, string[]] => [pod, [`"${ip}":"${name}"`]])
    return { apply: () => this.#api.put([podObject(name, HOT, ip, BASE)]), expected: new Map(expected) }
  }

  /** Branches with overrides come and go. The baseline's sidecars must learn their endpoints and callers. */
  branchesCome(count: number): { come: Change; go: Change } {
    const branches = Array.from({ length: count }, () => this.#branch(this.#size.branches + this.#made++))
    const arrives = new Map<string, string[]>()
    const leaves = new Map<string, string[]>()
    for (const { name, services, addresses } of branches) {
      const callers = addresses.map((ip) => `"${ip}":"${name}"`)
      for (const pod of this.#basePods()) {
        arrives.set(pod, [...(arrives.get(pod) ?? []), ...callers])
        leaves.set(pod, [...(leaves.get(pod) ?? []), ...addresses.map((ip) => `"${ip}":null`)])
      }
      for (const [at, service] of services.entries()) {
        arrives.get(podId(BASE, service))?.push(endpointOf(addresses[at] as string))
        leaves.get(podId(BASE, service))?.push(`"${name}":null`)
      }
    }
    const objects = branches.flatMap((branch) => branch.objects)
    return {
      come: { apply: () => this.#api.put(objects), expected: arrives },
      go: { apply: () => this.#api.remove(objects.toReversed()), expected: leaves },
    }
  }

  #basePods(): string[] {
    return Array.from({ length: this.#size.services }, (_, index) => podId(BASE, `s${index}`))
  }

  #branch(index: number): {
    name: string
    services: string[]
    addresses: string[]
    objects: KubernetesObject[]
  } {
    const name = branchName(index)
    const services = overridesOf(index, this.#size)
    const addresses = services.map(() => this.#addresses.next())
    const objects = [
      ...environmentObjects(name, BASE),
      ...services.flatMap((service, at) => runningObjects(name, service, addresses[at] as string, BASE)),
    ]
    return { name, services, addresses, objects }
  }
}

const random = (below: number): number => Math.floor(Math.random() * below)
