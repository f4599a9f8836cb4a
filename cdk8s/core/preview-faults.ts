import { nearest } from '@branchline/wire/near'
import type { Preview as PreviewResource } from '@branchline/wire/resources/preview'
import { portList, serviceSpecOf } from '../inject/manifest.ts'
import { findService, type Registry, serviceNames } from './registry.ts'

/** Returns the previews of a port that its Service lacks, and those of a Service that is probably a typo. */
export function previewFaults(registry: Registry): string[] {
  return registry.previews.flatMap((preview) => faultOf(registry, preview) ?? [])
}

function faultOf(registry: Registry, preview: PreviewResource): string | undefined {
  const { name, namespace } = preview.metadata
  const { service, port } = preview.spec
  const environment = [...registry.environments.values()].find((it) => it.metadata.namespace === namespace)
  if (environment === undefined) return undefined
  const start = `Preview "${name}" of "${environment.metadata.name}": `
  const found = findService(registry, environment.metadata.name, service)
  if (found === undefined) {
    const near = nearest(service, serviceNames(registry, environment.metadata.name))
    // A Service of this name may exist outside of the app.
    return near === undefined
      ? undefined
      : `${start}service is ${JSON.stringify(service)}: did you mean "${near}"?`
  }
  const { type, ports = [] } = serviceSpecOf(found.rendering.bare(found.object)) ?? {}
  if (type === 'ExternalName' || ports.some((it) => it.port === port || it.name === port)) return undefined
  const has = ports.length === 0 ? 'has no port' : `has ${portList(ports)}`
  return `${start}port is ${JSON.stringify(port)}, but the Service "${service}" of "${found.environment}" ${has}`
}
