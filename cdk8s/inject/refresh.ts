import { VARIABLES } from '@branchline/wire/env'
import { REPOSITORIES } from '../core/images.ts'
import type { Container, PodTemplate } from './manifest.ts'
import { annotatedResources, type SidecarResources } from './resources.ts'
import { settingsOfTemplate, type SidecarOptions } from './sidecar.ts'
import type { InjectionRecord } from './record.ts'

/** An image of any release. A digest, a mirror or an own build is the choice of its user. */
const RELEASED = new RegExp(`^${REPOSITORIES.sidecar}(?::[\\w.-]+)?$`)

/**
 * Returns an existing sidecar as this release makes it (`made`), with what its users changed: another image, more
 * variables, other values, resources. Annotations take precedence over those, and so do the options in `overriding`.
 */
export function refreshed(
  kept: Container,
  made: Container,
  template: PodTemplate,
  overriding: SidecarOptions,
  before: InjectionRecord,
): Container {
  const ownImage = overriding.image === undefined && !RELEASED.test(String(kept['image']))
  const resources = annotatedResources(template).given
  const isSaid = overriding.resources !== undefined || hasParts(overriding) || hasParts(resources)
  return {
    ...kept,
    ...made,
    ...(ownImage && { image: kept['image'] }),
    ...(!isSaid && before.resources !== true && kept.resources && { resources: kept.resources }),
    env: refreshedVariables(
      kept.env ?? [],
      made.env ?? [],
      decided(template, overriding),
      before.settings ?? [],
    ),
  }
}

const hasParts = ({ cpu, memory, cpuLimit, memoryLimit }: SidecarResources): boolean =>
  [cpu, memory, cpuLimit, memoryLimit].some((part) => part !== undefined)

/** The variables whose values the injection decides, whatever the existing sidecar has. */
function decided(template: PodTemplate, options: SidecarOptions): ReadonlySet<string> {
  const { manager, header, appHost, logLevel } = options
  const given = { manager, header, appHost, logLevel }
  const names = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [VARIABLES[name as keyof typeof given]],
  )
  return new Set([
    VARIABLES.inbound,
    ...names,
    ...Object.keys(settingsOfTemplate(template, options).variables),
  ])
}

type Variables = NonNullable<Container['env']>

function refreshedVariables(
  kept: Variables,
  made: Variables,
  forced: ReadonlySet<string>,
  rendered: readonly string[],
): Variables {
  const fresh = new Map(made.map((variable) => [variable.name, variable]))
  const old = new Set(kept.map(({ name }) => name))
  return [
    ...kept
      .filter(({ name }) => fresh.has(name) || !rendered.includes(name))
      .map((variable) => (forced.has(variable.name) ? (fresh.get(variable.name) ?? variable) : variable)),
    ...made.filter(({ name }) => !old.has(name)),
  ]
}
