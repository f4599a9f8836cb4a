import type { Dial } from './dial.ts'
import type { Forwarding, ForwarderOptions } from './forwarder.ts'
import type { Listeners } from './listeners.ts'
import type { SandboxCommand } from '../pods/sandbox.ts'
import type { NamedService } from './names.ts'

/** How pods are connected: each in a network namespace of its own, or each with its own address on loopback. */
export type Method = 'namespaces' | 'loopback'

/** A host outside of the cluster that pods may call, and its ports. */
export interface OutsideHost {
  readonly host: string
  readonly ports: readonly number[]
}

/** A port of a Service, on the Service's address or on one of this machine. */
export type ServicePortOptions = Omit<ForwarderOptions, 'dial'>

/** The network of a run: the pods' networks, and everything that leads from one to another, in and out. */
export interface Network {
  readonly method: Method
  /** Whether pods find names by files and DNS. Otherwise only variables describe Services. */
  readonly hasNames: boolean
  /**
   * Whether connections to Services do not show which pod opened them. Services then need an address for each namespace
   * of callers.
   */
  readonly hidesCallers: boolean
  /** Whether volumes can be mounted at their paths. */
  readonly canMount: boolean
  /** Connects to a port of a pod, from this machine. */
  readonly dial: Dial
  /** Makes the network of a pod. */
  attach(pod: PodPlace): PodNetwork
  /** A free address for a Service, until it is released. */
  takeServiceAddress(): string
  releaseServiceAddress(address: string): void
  /** Listens on a port of a Service's address, and forwards each connection to one of its endpoints. */
  forward(options: ServicePortOptions): Promise<Forwarding>
  /** Listens on a port of this machine for a Service. */
  publish(options: ServicePortOptions): Promise<Forwarding>
  /** An address inside that leads to a host outside. Rejects with a sentence if there is none. */
  openOutside(host: OutsideHost): Promise<{ readonly address: string; close(): void }>
  /** Tells the network that endpoints, Services or names may have changed. */
  refresh(services: readonly NamedService[]): void
  /** What listens at a port at which the apps of several pods may meet. */
  listeners(port: number): Listeners
  /** What to do if the port of an app is in use. */
  readonly portInUse: string
  /** Ends everything. Pods have ended before. */
  close(): Promise<void>
}

/** Which pod a network is for. */
export interface PodPlace {
  readonly name: string
  readonly namespace: string
  /** The pod's folder within the run's, for files of its network. */
  readonly folder: string
  /** Whether the pod uses the network of this machine (Kubernetes: hostNetwork). */
  readonly isOutside: boolean
}

/** What a pod's processes know by name. */
export interface PodNames {
  /** Namespaces whose Services have short names: the pod's own first, then those of the chain of bases. */
  readonly search: readonly string[]
  /** The Services, as this pod sees them. */
  readonly services: readonly NamedService[]
  readonly aliases?: readonly { readonly ip: string; readonly hostnames: readonly string[] }[]
}

/** A command to run in a pod. */
export type PodCommand = Omit<SandboxCommand, 'files' | 'enter'>

/** The network of one pod. */
export interface PodNetwork {
  readonly ip: string
  /** The addresses from which its connections come, its own first. */
  readonly addresses: readonly string[]
  /** Resolves once processes can start in it. Rejects with a sentence. */
  readonly ready: Promise<void>
  /** The command that runs another one in this network, with the pod's files for names. It keeps the process id. */
  command(command: PodCommand): string[]
  /** The variables that describe the network to the pod's processes. */
  variables(): Readonly<Record<string, string>>
  /** Writes what the pod's processes know by name. */
  setNames(names: PodNames): void
  /** Why a port of the pod's app is not open, or undefined if it is. `pid` is one of the pod's processes. */
  closedReason(port: number, pid: number | undefined, timeoutMs: number): Promise<string | undefined>
  /** Removes the network. The pod's processes have ended. */
  detach(): void
}
