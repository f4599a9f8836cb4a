import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Addresses } from '../services/addresses.ts'
import type { Backend } from '../services/endpoints.ts'
import type { PodTemplate, Workload } from '../kubernetes.ts'
import type { KubernetesObject } from '../manifests/object.ts'
import { type PodHost, PodRunner } from './pod.ts'
import { planDeployment, planStatefulSet, type Replica, templateHash } from './replicas.ts'
import { containerStatuses, readyCondition } from './status.ts'
import { makeFolder, removeFolder } from './volumes.ts'

/** A workload to run, and the folder of its manifest. */
export interface DesiredWorkload {
  readonly object: KubernetesObject
  readonly directory: string
}

/** A pod with its owner and template. */
export interface ManagedPod {
  readonly runner: PodRunner
  readonly owner: string
  readonly hash: string
  readonly template: PodTemplate
}

export interface WorkloadsOptions {
  readonly runFolder: string
  readonly addresses: Addresses
  readonly host: PodHost
  /** Called before a pod starts. */
  readonly onCreate: (pod: ManagedPod) => void
  /** Called once a pod's processes, folder and address are gone. */
  readonly onGone: (pod: ManagedPod) => void
}

/** Turns workloads into pods: creates, replaces and removes them by the plans of `replicas.ts`. */
export class Workloads {
  readonly #options: WorkloadsOptions
  readonly #pods = new Map<string, ManagedPod>()
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(options: WorkloadsOptions) {
    this.#options = options
  }

  /** All pods, including terminating ones. */
  get pods(): ManagedPod[] {
    return [...this.#pods.values()]
  }

  /** Takes one step towards the desired state. Called again whenever a pod or a workload changed. */
  reconcile(desired: ReadonlyMap<string, DesiredWorkload>): void {
    for (const pod of this.pods) {
      if (!desired.has(pod.owner) && !pod.runner.terminating) this.#remove(pod)
    }
    for (const [id, { object, directory }] of desired) {
      const workload = object as unknown as Workload
      const own = this.pods.filter((pod) => pod.owner === id && !pod.runner.terminating)
      const replicas = own.map((pod): Replica => {
        return { name: pod.runner.facts.name, hash: pod.hash, ready: pod.runner.ready }
      })
      const plan =
        workload.kind === 'StatefulSet'
          ? planStatefulSet(workload, replicas, this.#leavingNames(id))
          : planDeployment(workload, replicas, () => podName(workload))
      for (const name of plan.create) this.#create(id, workload, name, directory)
      for (const name of plan.remove) {
        const pod = own.find(({ runner }) => runner.facts.name === name)
        if (pod !== undefined) this.#remove(pod)
      }
    }
  }

  /** Ends all pods within the time. Resolves once no process is left. */
  async stop(timeoutMs: number): Promise<void> {
    for (const pod of this.pods) this.#remove(pod, timeoutMs)
    while (this.#leaving.size > 0) await Promise.all(this.#leaving.values())
  }

  #leavingNames(owner: string): Set<string> {
    const leaving = this.pods.filter((pod) => pod.owner === owner && pod.runner.terminating)
    return new Set(leaving.map(({ runner }) => runner.facts.name))
  }

  #create(owner: string, workload: Workload, name: string, directory: string): void {
    const { addresses, host, runFolder } = this.#options
    const namespace = workload.metadata.namespace as string
    const { template } = workload.spec
    const hash = templateHash(template)
    const facts = {
      namespace,
      name,
      uid: randomUUID(),
      ip: addresses.take('pod'),
      labels: { ...template.metadata?.labels, 'pod-template-hash': hash },
      annotations: template.metadata?.annotations ?? {},
      serviceAccount: template.spec.serviceAccountName ?? 'default',
    }
    const folder = join(runFolder, 'pods', `${namespace}_${name}`)
    const claims = new Map(
      (workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => [
        metadata.name,
        join(runFolder, 'claims', `${namespace}_${metadata.name}-${name}`),
      ]),
    )
    makeFolder(folder)
    const runner = new PodRunner({ facts, spec: template.spec, folder, directory, claims }, host)
    const pod = { runner, owner, hash, template }
    this.#pods.set(facts.uid, pod)
    this.#options.onCreate(pod)
    void runner.start()
  }

  #remove(pod: ManagedPod, hurryMs?: number): void {
    const { uid, ip, namespace, name } = pod.runner.facts
    const before = this.#leaving.get(uid)
    // A pod that is already terminating can only be told to hurry.
    if (before !== undefined && hurryMs === undefined) return
    const gone = Promise.all([before, pod.runner.stop(hurryMs)]).then(() => {
      if (!this.#pods.delete(uid)) return
      this.#leaving.delete(uid)
      this.#options.addresses.release(ip)
      removeFolder(join(this.#options.runFolder, 'pods', `${namespace}_${name}`))
      this.#options.onGone(pod)
    })
    this.#leaving.set(uid, gone)
  }
}

/** The maximum length of a pod's host name, in characters. Like Kubernetes, cut the name of the workload. */
const MAX_POD_NAME = 63

function podName({ metadata, spec }: Workload): string {
  const end = `-${templateHash(spec.template)}-${randomBytes(3).toString('hex').slice(0, 5)}`
  return metadata.name.slice(0, MAX_POD_NAME - end.length) + end
}

/** A pod in the form in which Services select it. */
export function backendOf({ runner }: ManagedPod): Backend {
  const { namespace, name, uid, ip, labels } = runner.facts
  const { ready, serving, terminating, spec } = runner
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  return { namespace, name, uid, ip, labels, containers, ready, serving, terminating }
}

/** A pod as an object of the Kubernetes API, with its phase, conditions and address. */
export function podObject({ runner, template }: ManagedPod): KubernetesObject {
  const { namespace, name, uid, ip, labels, annotations } = runner.facts
  const condition = (type: string, holds: boolean): object => ({ type, status: holds ? 'True' : 'False' })
  const startTime = new Date(runner.createdAt).toISOString()
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid,
      labels,
      annotations,
      ...(runner.terminating && { deletionTimestamp: startTime }),
    },
    spec: template.spec,
    status: {
      phase: runner.initialized ? 'Running' : 'Pending',
      podIP: ip,
      podIPs: [{ ip }],
      hostIP: '127.0.0.1',
      startTime,
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', runner.initialized),
        readyCondition('ContainersReady', runner),
        readyCondition('Ready', runner),
      ],
      ...containerStatuses(runner),
    },
  }
}
