import { type Container, injectedTemplateOf, type Manifest } from '../inject/manifest.ts'
import { imageFault } from './image-fault.ts'

/** Returns the faults of containers that constructs made: no image, and variables that were not set. */
export function objectFaults(manifest: Manifest): string[] {
  const { containers = [], initContainers = [] } = injectedTemplateOf(manifest)?.spec ?? {}
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
