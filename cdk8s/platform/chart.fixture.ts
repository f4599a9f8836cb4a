import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import type { Manifest } from '../inject/manifest.ts'
import { parseTemplate, render, type Template } from './go-template.fixture.ts'
import { installationManifests, namespaceManifests } from './manifests.ts'
import { type PlatformValues, propsOf } from './values.ts'

export const CHART = join(import.meta.dirname, '../chart')

/** Objects by kind, namespace and name. */
export type Objects = ReadonlyMap<string, Manifest>

const byIdentity = (objects: readonly Manifest[]): Objects =>
  new Map(objects.map((one) => [`${one.kind}/${one.metadata.namespace ?? ''}/${one.metadata.name}`, one]))

/** The objects in the documents of a YAML text. Throws if the text is not YAML, or if a key is there twice. */
export function objectsIn(text: string): Objects {
  const objects = parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS() as Manifest | null
  })
  return byIdentity(objects.filter((one) => one !== null))
}

/** What the construct makes of values, but for the label that says which tool manages an object. */
export const constructObjects = (values: PlatformValues): Objects =>
  byIdentity(asHelm([...namespaceManifests(propsOf(values)), ...installationManifests(propsOf(values))]))

const asHelm = (objects: readonly Manifest[]): Manifest[] =>
  JSON.parse(
    JSON.stringify(objects).replaceAll(
      '"app.kubernetes.io/managed-by":"cdk8s"',
      '"app.kubernetes.io/managed-by":"Helm"',
    ),
  ) as Manifest[]

const templates = new Map<string, Template>()
const definitions: Template['definitions'] = new Map()
for (const name of readdirSync(join(CHART, 'templates')).toSorted()) {
  templates.set(name, parseTemplate(readFileSync(join(CHART, 'templates', name), 'utf8'), definitions))
}
const { appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { appVersion: string }

/** Renders one template of the chart. */
export function renderTemplate(name: string, values: PlatformValues): string {
  const template = templates.get(name)
  if (template === undefined) throw new Error(`the chart has no template ${name}`)
  const root = { Values: values, Chart: { AppVersion: appVersion }, Release: { Service: 'Helm' } }
  return render(template, root)
}

/** The chart's templates of Kubernetes objects. */
export const objectTemplates = (): string[] => [...templates.keys()].filter((name) => name.endsWith('.yaml'))

/** What the chart makes of values. */
export const chartObjects = (values: PlatformValues): Objects =>
  objectsIn(
    objectTemplates()
      .map((name) => renderTemplate(name, values))
      .join('\n---\n'),
  )
