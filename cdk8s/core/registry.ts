import type { Environment as EnvironmentResource } from '@branchline/wire/resources/environment'
import type { Preview as PreviewResource } from '@branchline/wire/resources/preview'
import { environmentsAbove } from '@branchline/wire/resources/validate'
import type { ApiObject } from 'cdk8s'
import type { Rendering } from './rendering.ts'

/** All environments and previews of one app, which are validated together at synth. */
export interface Registry {
  readonly environments: Map<string, EnvironmentResource>
  readonly previews: PreviewResource[]
  /** Environments whose name already exists. The validation reports them. */
  readonly doubles: EnvironmentResource[]
  /** The rendering of each environment, by name. */
  readonly renderings: Map<string, Rendering>
  /** The environments that list the namespaces above them, because their base is not of this app. */
  readonly external: Set<string>
  /** The overrides, which take their objects from their bases at synth. */
  readonly overrides: { readonly environment: string; materialise(): void }[]
}

/** Returns the environments of the app above one, nearest first, without those that another app defines. */
export function aboveInApp({ environments }: Registry, name: string): EnvironmentResource[] {
  const environment = environments.get(name)
  return environment === undefined ? [] : environmentsAbove(environment, environments)
}

const chainOf = (registry: Registry, name: string): string[] => [
  name,
  ...aboveInApp(registry, name).map(({ metadata }) => metadata.name),
]

/** Finds the Service that an environment of the app reaches by a name: its own, or that of the nearest base. */
export function findService(
  registry: Registry,
  environment: string,
  name: string,
): { object: ApiObject; rendering: Rendering; environment: string } | undefined {
  for (const at of chainOf(registry, environment)) {
    const rendering = registry.renderings.get(at)
    const object = rendering?.objects.find((it) => it.kind === 'Service' && it.name === name)
    if (rendering !== undefined && object !== undefined) return { object, rendering, environment: at }
  }
  return undefined
}

/** Returns the names of the Services that an environment of the app reaches. */
export function serviceNames(registry: Registry, environment: string): string[] {
  return chainOf(registry, environment).flatMap((at) =>
    (registry.renderings.get(at)?.objects ?? [])
      .filter(({ kind }) => kind === 'Service')
      .map(({ name }) => name),
  )
}
