import type { Manifest } from '@branchline/cdk8s/inject'
import {
  containersOf,
  podTemplateOf,
  type PodTemplate,
  selects,
  serviceSpecOf,
} from '@branchline/cdk8s/inject/manifest'

/**
 * Returns the names of Services that another workload or a ConfigMap mentions as a whole word: in variables, commands and
 * arguments, and in the data of ConfigMaps. Pure.
 */
export function serviceReferences(manifests: readonly Manifest[]): Set<string> {
  const texts = manifests.map((manifest) => {
    const template = podTemplateOf(manifest)
    const data = manifest.kind === 'ConfigMap' ? Object.values(manifest['data'] ?? {}) : []
    return { template, words: wordsOf(template === undefined ? data : textsOf(template)) }
  })
  const found = new Set<string>()
  for (const manifest of manifests) {
    const spec = serviceSpecOf(manifest)
    const { name } = manifest.metadata
    if (spec === undefined || name === undefined) continue
    const isMentioned = texts.some(
      ({ template, words }) => words.has(name) && !(template !== undefined && selects(spec, template)),
    )
    if (isMentioned) found.add(name)
  }
  return found
}

function textsOf(template: PodTemplate): unknown[] {
  return containersOf(template).flatMap(({ env = [], command, args }) =>
    env.map(({ value }): unknown => value).concat(command ?? [], args ?? []),
  )
}

/** The words that may be a name, also the first part of a host such as `orders.shop.svc`. */
const wordsOf = (texts: readonly unknown[]): Set<string> =>
  new Set(texts.flatMap((text) => (typeof text === 'string' ? (text.match(/[a-z0-9-]+/gi) ?? []) : [])))
