import type { GatewayView, PlannedPreview, Registration, Resolution, Wanted } from '../gateway-view.ts'

/** A plan that a test writes by hand. */
export class HandPlan implements GatewayView {
  readonly reports = new Map<string, Registration>()
  /** The targets that were resolved, as `environment/service:port`. */
  readonly resolved: string[] = []
  readonly #services = new Map<string, Resolution>()
  readonly #listeners = new Set<(previews: readonly PlannedPreview[]) => void>()
  #previews: readonly PlannedPreview[] = []

  service(environment: string, service: string, port: number, ...endpoints: string[]): this {
    this.#services.set(`${environment}/${service}:${port}`, { environment, endpoints })
    return this
  }

  /** A service without a ready endpoint, and why. */
  down(environment: string, service: string, port: number, trouble: string): this {
    this.#services.set(`${environment}/${service}:${port}`, { environment, endpoints: [], trouble })
    return this
  }

  /** Plans a preview of port 80 of the service `web` in each environment. */
  plan(...environments: string[]): this {
    return this.#set(environments.map((environment) => previewOf({ environment, service: 'web', port: 80 })))
  }

  /** Also plans previews of these targets. */
  also(...targets: Wanted[]): this {
    return this.#set([...this.#previews, ...targets.map(previewOf)])
  }

  #set(previews: readonly PlannedPreview[]): this {
    this.#previews = previews
    for (const listener of this.#listeners) listener(previews)
    return this
  }

  resolve({ environment, service, port }: Wanted): Resolution | undefined {
    const name = `${environment}/${service}:${port}`
    this.resolved.push(name)
    return this.#services.get(name)
  }

  previews(): readonly PlannedPreview[] {
    return this.#previews
  }

  onPreviews(listener: (previews: readonly PlannedPreview[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  report(label: string, registration: Registration): void {
    this.reports.set(label, registration)
  }
}

function previewOf({ environment, service, port }: Wanted): PlannedPreview {
  const label = `${service}--${environment}`
  const id = `${environment}/${service}`
  return { id, label, environment, key: environment, service, port, access: 'public' }
}
