import type { Container, Manifest, PodTemplate } from '../inject/manifest.ts'
import { imageFault } from './image-fault.ts'

/** Returns the pod template of any kind that has one, also of a Job, a CronJob and a Pod. */
export function anyPodTemplateOf(manifest: Manifest): PodTemplate | undefined {
  const spec = manifest.spec as
    | { template?: PodTemplate; jobTemplate?: { spec?: { template?: PodTemplate } } }
    | undefined
  if (manifest.kind === 'Pod' && manifest.apiVersion === 'v1') return manifest as PodTemplate
  const template = spec?.template ?? spec?.jobTemplate?.spec?.template
  return Array.isArray(template?.spec?.containers) ? template : undefined
}

/** Returns the faults of containers that constructs made: no image, and variables that were not set. */
export function objectFaults(manifest: Manifest): string[] {
  const { containers = [], initContainers = [] } = anyPodTemplateOf(manifest)?.spec ?? {}
  return [...containers, ...initContainers].flatMap((container) =>
    containerFaults(container).map(
      (fault) => `${manifest.kind} "${manifest.metadata.name}": container "${container.name}": ${fault}`,
    ),
  )
}

function containerFaults(container: Container): string[] {
  const image = imageFault(container['image'])
  const variables = (container.env ?? []).filter(
    ({ value, valueFrom }) => (value === undefined && valueFrom === undefined) || value === 'undefined',
  )
  return [
    ...(image === undefined ? [] : [`image ${image}`]),
    ...variables.map(({ name }) => `env.${name} is undefined: give it a value, or leave it out`),
  ]
}
