import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { LocalState } from '@branchline/wire/local-api'
import type { Backend } from '../services/endpoints.ts'
import type { PodTemplate, Workload } from '../kubernetes.ts'
import type { KubernetesObject } from '../manifests/object.ts'
import type { Network } from '../network/network.ts'
import type { DesiredWorkload, NewPod } from './desired.ts'
import { indexOf, JobController } from './job-controller.ts'
import type { JobPod } from './jobs.ts'
import { type PodHost, PodRunner } from './pod.ts'
import { planDeployment, planStatefulSet, type Replica, templateHash } from './replicas.ts'
import { containerStatuses, readyCondition } from './status.ts'
import { makeFolder, removeFolder } from './volumes.ts'

/** A pod with its owner and template. */
export interface ManagedPod {
  readonly runner: PodRunner
  readonly owner: string
  /** The id of the object of a manifest that its owner belongs to. */
  readonly root: string
  readonly hash: string
  readonly template: PodTemplate
}

export interface WorkloadsOptions {
  readonly runFolder: string
  readonly network: Network
  readonly host: PodHost
  /** The current time in milliseconds since 1970. Default: that of the machine. */
  readonly now?: (() => number) | undefined
  /** Called when a Job has ended, with the id of its manifest's object, and why if it has failed. */
  readonly onJobEnded: (id: string, failure: string | undefined) => void
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
  readonly #jobs: JobController

  constructor(options: WorkloadsOptions) {
    this.#options = options
    this.#jobs = new JobController({
      now: options.now ?? Date.now,
      podsOf: (owner) => this.pods.filter((pod) => pod.owner === owner).map(jobPod),
      create: (pod) => this.#create(pod),
      remove: (owner, names) => {
        for (const pod of this.#podsOf(owner)) if (names.includes(pod.runner.facts.name)) this.#remove(pod)
      },
      onAgain: () => options.host.onChange(),
      onEnded: options.onJobEnded,
    })
  }

  /** The Jobs, also those of CronJobs, with their status. */
  get jobs(): KubernetesObject[] {
    return this.#jobs.objects
  }

  /** All pods, including terminating ones. */
  get pods(): ManagedPod[] {
    return [...this.#pods.values()]
  }

  /** Takes one step towards the desired state. Called again whenever a pod or a workload changed. */
  reconcile(desired: ReadonlyMap<string, DesiredWorkload>): void {
    const all = this.#jobs.startRuns(desired)
    for (const pod of this.pods) {
      if (!all.has(pod.owner) && !pod.runner.terminating) this.#remove(pod)
    }
    for (const [id, workload] of all) {
      const { kind } = workload.object
      if (kind === 'Job') this.#jobs.reconcile(id, workload)
      else if (kind !== 'CronJob') this.#reconcile(id, workload)
    }
    this.#jobs.planned()
  }

  #podsOf(owner: string): ManagedPod[] {
    return this.pods.filter((pod) => pod.owner === owner && !pod.runner.terminating)
  }

  #reconcile(id: string, { object, directory }: DesiredWorkload): void {
    const workload = object as unknown as Workload
    const own = this.#podsOf(id)
    const replicas = own.map((pod): Replica => {
      return { name: pod.runner.facts.name, hash: pod.hash, ready: pod.runner.ready }
    })
    const plan =
      workload.kind === 'StatefulSet'
        ? planStatefulSet(workload, replicas, this.#leavingNames(id))
        : planDeployment(workload, replicas, () => podName(workload))
    const { template } = workload.spec
    const hash = templateHash(template)
    for (const name of plan.create)
      this.#create({ owner: id, root: id, object, directory, name, hash, template })
    for (const name of plan.remove) {
      const pod = own.find(({ runner }) => runner.facts.name === name)
      if (pod !== undefined) this.#remove(pod)
    }
  }

  /** Ends all pods within the time. Resolves once no process is left. */
  async stop(timeoutMs: number): Promise<void> {
    this.#jobs.stop()
    for (const pod of this.pods) this.#remove(pod, timeoutMs)
    while (this.#leaving.size > 0) await Promise.all(this.#leaving.values())
  }

  #leavingNames(owner: string): Set<string> {
    const leaving = this.pods.filter((pod) => pod.owner === owner && pod.runner.terminating)
    return new Set(leaving.map(({ runner }) => runner.facts.name))
  }

  #create({ owner, root, object, directory, name, hash, template }: NewPod): void {
    const { network, host, runFolder } = this.#options
    const namespace = object.metadata.namespace as string
    const folder = join(runFolder, 'pods', `${namespace}_${name}`)
    makeFolder(folder)
    const isOutside = template.spec.hostNetwork === true
    const attached = network.attach({ name, namespace, folder, isOutside })
    const facts = {
      namespace,
      name,
      uid: randomUUID(),
      ip: attached.ip,
      labels: { ...template.metadata?.labels, 'pod-template-hash': hash },
      annotations: template.metadata?.annotations ?? {},
      serviceAccount: template.spec.serviceAccountName ?? 'default',
    }
    const claims = claimsOf(object, template, name, join(runFolder, 'claims'))
    const workload = owner === root ? object.metadata.name : (root.split('/').at(-1) as string)
    const { spec } = template
    const runner = new PodRunner(
      { facts, workload, spec, folder, directory, claims, network: attached },
      host,
    )
    const pod = { runner, owner, root, hash, template }
    this.#pods.set(facts.uid, pod)
    this.#options.onCreate(pod)
    void runner.start()
  }

  #remove(pod: ManagedPod, hurryMs?: number): void {
    const { uid, namespace, name } = pod.runner.facts
    const before = this.#leaving.get(uid)
    // A pod that is already terminating can only be told to hurry.
    if (before !== undefined && hurryMs === undefined) return
    const gone = Promise.all([before, pod.runner.stop(hurryMs)]).then(() => {
      if (!this.#pods.delete(uid)) return
      this.#leaving.delete(uid)
      pod.runner.network.detach()
      removeFolder(join(this.#options.runFolder, 'pods', `${namespace}_${name}`))
      this.#options.onGone(pod)
    })
    this.#leaving.set(uid, gone)
  }
}

function jobPod({ runner, hash }: ManagedPod): JobPod {
  const restarts = runner.containers.reduce((sum, container) => sum + container.restarts, 0)
  const index = indexOf(runner.facts.annotations)
  const { finished, terminating, facts } = runner
  return { name: facts.name, hash, finished, terminating, restarts, ...(index !== undefined && { index }) }
}

/**
 * The folders of a pod's claims, by volume name. Those of a StatefulSet belong to one pod, and the others to all pods of
 * the namespace that name them.
 */
function claimsOf(
  object: KubernetesObject,
  { spec }: PodTemplate,
  pod: string,
  folder: string,
): Map<string, string> {
  const { namespace } = object.metadata
  const claims = new Map<string, string>()
  for (const { name, persistentVolumeClaim: claim } of spec.volumes ?? []) {
    if (claim !== undefined) claims.set(name, join(folder, `${namespace}_${claim.claimName}`))
  }
  const { volumeClaimTemplates = [] } = (object as unknown as Workload).spec
  for (const { metadata } of volumeClaimTemplates)
    claims.set(metadata.name, join(folder, `${namespace}_${metadata.name}-${pod}`))
  return claims
}

/** The maximum length of a pod's host name, in characters. Like Kubernetes, cut the name of the workload. */
const MAX_POD_NAME = 63

function podName({ metadata, spec }: Workload): string {
  const end = `-${templateHash(spec.template)}-${randomBytes(3).toString('hex').slice(0, 5)}`
  return metadata.name.slice(0, MAX_POD_NAME - end.length) + end
}

/** The pods that have not ended, and their processes. */
export function stateOf(pods: readonly ManagedPod[]): LocalState {
  const running = pods.filter(({ runner }) => runner.finished === undefined)
  return { pods: running.map(podState) }
}

function podState({ runner }: ManagedPod): LocalState['pods'][number] {
  const { namespace, name, ip } = runner.facts
  const containers = runner.containers.map(({ spec, pid, restarts }) => {
    return pid === undefined ? { name: spec.name, restarts } : { name: spec.name, restarts, pid }
  })
  const ends = (runner.spec.restartPolicy ?? 'Always') !== 'Always'
  return { namespace, name, ip, ready: runner.ready, ...(ends && { ends }), containers }
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
      phase: runner.finished ?? (runner.initialized ? 'Running' : 'Pending'),
      podIP: ip,
      podIPs: runner.network.addresses.map((address) => ({ ip: address })),
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
