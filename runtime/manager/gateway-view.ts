/** A preview as a relay registers it: a host label, and where its requests enter. */
export interface PlannedPreview {
  /** `namespace/name` of the Preview. */
  readonly id: string
  /** The leftmost label of its host (runtime/wire/host-label.ts): no two planned previews share one. */
  readonly label: string
  readonly environment: string
  readonly key: string
  readonly service: string
  /** The Service's port number (a port name is resolved already). */
  readonly port: number
  readonly access: string
}

/** What somebody wants to reach: never an address, always a Service's port as an environment sees it. */
export interface Wanted {
  readonly environment: string
  readonly service: string
  /** The Service's port number. */
  readonly port: number
}

/** Who answers: the nearest environment of the chain, and its ready endpoints as `address:port`. */
export interface Resolution {
  readonly environment: string
  /** Empty where the nearest environment has none that is ready and its rule is not `baseline`. */
  readonly endpoints: readonly string[]
}

/** What became of a preview's registration at the relay. */
export type Registration =
  | { readonly state: 'registered'; readonly host?: string; readonly url?: string }
  | { readonly state: 'refused'; readonly message: string }
  | { readonly state: 'disconnected' }

/** What the gateway may know of the manager, and all that it may tell it. */
export interface GatewayView {
  /**
   * The endpoints of a Service's port as an environment sees it, by the plan at hand: the nearest
   * environment, from the one named up to its root, that has the Service with ready endpoints. Undefined
   * where the environment is unknown or no environment of the chain has that Service and port.
   */
  resolve(wanted: Wanted): Resolution | undefined
  /** All previews that are to be registered, sorted by label; the same array until they change. */
  previews(): readonly PlannedPreview[]
  /** Calls back with all previews whenever they change (not at once); the result unsubscribes. */
  onPreviews(listener: (previews: readonly PlannedPreview[]) => void): () => void
  /** Records for the Preview's status what the relay said of a label. */
  report(label: string, registration: Registration): void
}
