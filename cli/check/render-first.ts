import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Document, isMap, parseAllDocuments, visit } from 'yaml'

/**
 * Says how to render a folder that is not plain manifests: a Helm chart or a kustomization. Undefined for plain ones.
 * `command` reads manifests from standard input, such as `branchline check -`.
 */
export function renderFirst(folder: string, command: string): string | undefined {
  if (existsSync(join(folder, 'Chart.yaml'))) {
    return `${folder} is a Helm chart: render it first: helm template NAME ${folder} | ${command}`
  }
  const kustomization = KUSTOMIZATIONS.find((name) => existsSync(join(folder, name)))
  return kustomization === undefined ? undefined : kustomizeFirst(join(folder, kustomization), command)
}

const KUSTOMIZATIONS = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']

/** Reports whether a file is a kustomization, and no manifest. */
export const isKustomization = (file: string): boolean => KUSTOMIZATIONS.includes(basename(file))

/** Says how to render the folder of a kustomization. */
export const kustomizeFirst = (file: string, command: string): string =>
  `${dirname(file)} has a ${basename(file)}: render it first: kubectl kustomize ${dirname(file)} | ${command}`

/** An action of a Go template. Apps have such texts, too, in the values of their ConfigMaps. */
const ACTION = /\{\{-?\s*(?:\.|\$|\/\*|(?:include|if|range|with|define|template|toYaml|end|else)\b)/

/**
 * Says how to render a file that is a Helm template. Undefined for other files: an action in a text is no template, but
 * one that breaks the YAML is, or one in the place of a value, which YAML reads as a map whose key is a map.
 */
export function renderTemplateFirst(file: string, text: string, command: string): string | undefined {
  if (!ACTION.test(text)) return undefined
  const documents = parseAllDocuments(text, { logLevel: 'silent' })
  if (!Array.isArray(documents) || !documents.some(isTemplate)) return undefined
  const chart = chartAbove(file)
  return `this is a Helm template, not YAML: render the chart first: helm template NAME ${chart ?? 'CHART'} | ${command}`
}

function isTemplate(document: Document.Parsed): boolean {
  let found = document.errors.length > 0
  visit(document, {
    Pair(_, { key }) {
      if (!isMap(key)) return undefined
      found = true
      return visit.BREAK
    },
  })
  return found
}

function chartAbove(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'Chart.yaml'))) return folder
    if (folder === dirname(folder)) return undefined
  }
}
