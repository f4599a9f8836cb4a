import { ANNOTATIONS } from '@branchline/wire/names'
import { type Finding, findingAt } from './finding.ts'
import { injectedTemplateOf, type Manifest, type Metadata, nameOf, shown } from './manifest.ts'

const VALUES: Readonly<Record<string, boolean>> = {
  true: true,
  enabled: true,
  false: false,
  disabled: false,
}

/** Where an object says whether it takes part: its annotation, or a label of the same name, as other injectors have it. */
function said(metadata: Metadata | null | undefined): { field: string; value: unknown } | undefined {
  for (const field of ['annotations', 'labels'] as const) {
    const value: unknown = metadata?.[field]?.[ANNOTATIONS.inject]
    if (value !== undefined && value !== null) return { field, value }
  }
  return undefined
}

/**
 * Returns the object that prevents the injection of a workload or of a Service, as people would name it. Undefined if it
 * is allowed. What is nearest to the pod decides: its template, the workload, then the namespace.
 */
export function whoDisables(object: Manifest, namespaces: readonly Manifest[]): string | undefined {
  const namespace = namespaces.find((it) => nameOf(it) === object.metadata.namespace)
  const levels: [string, Metadata | undefined][] = [
    [`the pod template of ${shown(object)}`, injectedTemplateOf(object)?.metadata],
    [shown(object), object.metadata],
    [namespace === undefined ? '' : shown(namespace), namespace?.metadata],
  ]
  for (const [name, metadata] of levels) {
    const found = said(metadata)
    const value = found === undefined ? undefined : VALUES[String(found.value)]
    if (value !== undefined) return value ? undefined : name
  }
  return undefined
}

/** Returns the objects whose switch has a value that means nothing. */
export function switchFaults(manifests: readonly Manifest[]): Finding[] {
  return manifests.flatMap((manifest) => {
    const template = injectedTemplateOf(manifest)
    const places: [string, Metadata | undefined][] = [['metadata', manifest.metadata]]
    if (template !== undefined && manifest.kind !== 'Pod') {
      places.push(['spec.template.metadata', template.metadata])
    }
    return places.flatMap(([path, metadata]) => {
      const found = said(metadata)
      if (found === undefined || VALUES[String(found.value)] !== undefined) return []
      return findingAt(
        manifest,
        `${path}.${found.field}`,
        'BadSetting',
        `${ANNOTATIONS.inject} is ${JSON.stringify(found.value)}: wanted "true" or "false"`,
      )
    })
  })
}
