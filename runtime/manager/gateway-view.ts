import type { PreviewProtocol } from '@branchline/wire/tunnel/control'

/** A preview to register at a relay: a host label, and the Service at which its requests enter. */
export interface PlannedPreview {
  /** `namespace/name` of the Preview. */
  readonly id: string
  /** The leftmost label of its host (runtime/wire/host-label.ts). Each planned preview has its own. */
  readonly label: string
  readonly environment: string
  readonly key: string
  readonly service: string
  /** The Service's port number (a port name has already been resolved). */
  readonly port: number
  readonly access: string
  /** The declared protocol of the port. Undefined if it is not declared. */
  readonly protocol?: PreviewProtocol
}

/** The target of a stream: never an address, always a Service's port as an environment sees it. */
export interface Wanted {
  readonly environment: string
  readonly service: string
  /** The Service's port number. */
  readonly port: number
}

/** The nearest environment of the chain that serves a target, and its ready endpoints as `address:port`. */
export interface Resolution {
  readonly environment: string
  /** Empty if the nearest environment has no ready endpoint and its rule is not `baseline`. */
  readonly endpoints: readonly string[]
  /** If none is ready: why, as words that follow the Service's name. Undefined if that is not known. */
  readonly trouble?: string
}

/** The result of a preview's registration at the relay. */
export type Registration =
  | { readonly state: 'registered'; readonly host?: string; readonly url?: string }
  | { readonly state: 'refused'; readonly message: string }
  | { readonly state: 'disconnected' }

/** All that the gateway may know about the manager, and all that it may report to it. */
export interface GatewayView {
  /**
   * The endpoints of a Service's port as an environment sees it, by the current plan. It finds the nearest
   * environment, from the given one up to its root, that has the Service with ready endpoints. Undefined if
   * the environment is unknown, or no environment of the chain has that Service and port.
   */
  resolve(wanted: Wanted): Resolution | undefined
  /** All previews to register, sorted by label. The same array until they change. */
  previews(): readonly PlannedPreview[]
  /** Calls the listener with all previews whenever they change, but not at first. The result unsubscribes. */
  onPreviews(listener: (previews: readonly PlannedPreview[]) => void): () => void
  /** Records the relay's response about a label for the Preview's status. */
  report(label: string, registration: Registration): void
}
