import { dirname, relative, resolve } from 'node:path'
import { ANNOTATIONS, GROUP } from '@branchline/wire/names'
import { nearest } from '@branchline/wire/near'
import type { Container, PodTemplate } from '../kubernetes.ts'
import type { Problem } from '../types.ts'
import type { KubernetesObject } from './object.ts'
import type { LocalContainer, Overlay, OverlayEntry } from './overlay.ts'
import { podTemplateOf, withPodTemplate } from './pod-template.ts'
import type { Manifest } from './read.ts'

/** An annotation of one container that is not the first of its pod: `local-command.branchline.dev/worker`. */
export const containerAnnotation = (annotation: string, container: string): string =>
  `${annotation.slice(annotation.indexOf('/') + 1)}.${GROUP}/${container}`

/** An entry with the file that contains it. */
interface Placed {
  readonly overlay: Overlay
  readonly entry: OverlayEntry
}

/**
 * Applies overlays to workloads: their settings become annotations and variables of the pod template, so that a change
 * of a setting replaces the pods. The overlay of the nearest folder takes precedence, and within a file an entry with a
 * namespace. `root` is the folder of all manifests. Reports entries that concern no workload or no container.
 */
export function withOverlays(
  manifests: readonly Manifest[],
  overlays: readonly Overlay[],
  root: string,
): { objects: KubernetesObject[]; problems: Problem[] } {
  const placed = overlays
    .flatMap((overlay) => overlay.entries.map((entry): Placed => ({ overlay, entry })))
    .toSorted((one, other) => rank(one) - rank(other))
  const problems = placed.flatMap((one) => unknownNames(one, manifests))
  const objects = manifests.map((manifest) => {
    const own = placed.filter((one) => concerns(one, manifest))
    const folder = resolve(root, dirname(manifest.file))
    return own.reduce(
      (object, { overlay, entry }) =>
        withEntry(object, entry, { overlay: resolve(root, overlay.folder), manifest: folder }),
      manifest.object,
    )
  })
  return { objects, problems }
}

/** Later entries take precedence. */
const rank = ({ overlay, entry }: Placed): number =>
  2 * overlay.folder.split('/').length -
  (overlay.folder === '.' ? 2 : 0) +
  (entry.namespace === undefined ? 0 : 1)

const isBelow = (overlay: Overlay, { file }: Manifest): boolean =>
  overlay.folder === '.' || !relative(overlay.folder, dirname(file)).startsWith('..')

const isWorkload = (overlay: Overlay, manifest: Manifest): boolean =>
  isBelow(overlay, manifest) && podTemplateOf(manifest.object) !== undefined

const concerns = ({ overlay, entry }: Placed, manifest: Manifest): boolean =>
  isWorkload(overlay, manifest) &&
  manifest.object.metadata.name === entry.name &&
  (entry.namespace === undefined || manifest.object.metadata.namespace === entry.namespace)

function withEntry(object: KubernetesObject, entry: OverlayEntry, folders: Folders): KubernetesObject {
  const template = podTemplateOf(object)
  if (template === undefined) return object
  let next = withContainer(template, template.spec.containers[0]?.name ?? '', entry, folders)
  for (const [name, settings] of Object.entries(entry.containers)) {
    const { dir } = entry
    next = withContainer(next, name, { ...(dir !== undefined && { dir }), ...settings }, folders)
  }
  return withPodTemplate(object, next)
}

interface Folders {
  /** The folder of the overlay. */
  readonly overlay: string
  /** The folder of the manifest, to which an existing annotation is relative. */
  readonly manifest: string
}

function withContainer(
  template: PodTemplate,
  name: string,
  settings: LocalContainer,
  folders: Folders,
): PodTemplate {
  const { command, dir, watch, env } = settings
  const isMain = template.spec.containers[0]?.name === name
  const key = (annotation: string): string => (isMain ? annotation : containerAnnotation(annotation, name))
  const before = template.metadata?.annotations?.[key(ANNOTATIONS.localDir)]
  const folder = folderOf(dir, before, folders)
  const annotations = {
    ...template.metadata?.annotations,
    ...(command !== undefined && { [key(ANNOTATIONS.localCommand)]: commandText(command) }),
    ...((dir !== undefined || command !== undefined) && { [key(ANNOTATIONS.localDir)]: folder }),
    ...(watch !== undefined && {
      [key(ANNOTATIONS.localWatch)]: JSON.stringify(watch.map((path) => resolve(folder, path))),
    }),
  }
  const spec = env === undefined ? template.spec : withVariables(template.spec, name, env)
  return { metadata: { ...template.metadata, annotations }, spec }
}

/** A command without a folder runs where the annotation says, or else where its overlay is. */
function folderOf(dir: string | undefined, before: string | undefined, folders: Folders): string {
  if (dir !== undefined) return resolve(folders.overlay, dir)
  return before === undefined ? folders.overlay : resolve(folders.manifest, before)
}

/** The text of an annotation, in which a line that begins with a bracket is a JSON list. */
function commandText(command: string | readonly string[]): string {
  if (typeof command === 'string' && !command.trimStart().startsWith('[')) return command
  return JSON.stringify(typeof command === 'string' ? ['sh', '-c', command] : command)
}

function withVariables(
  spec: PodTemplate['spec'],
  name: string,
  env: Readonly<Record<string, string>>,
): PodTemplate['spec'] {
  const changed = (container: Container): Container => {
    if (container.name !== name) return container
    const kept = (container.env ?? []).filter((variable) => !Object.hasOwn(env, variable.name))
    const given = Object.entries(env).map(([variable, value]) => ({ name: variable, value }))
    return { ...container, env: [...kept, ...given] }
  }
  const { containers, initContainers } = spec
  return {
    ...spec,
    containers: containers.map(changed),
    ...(initContainers !== undefined && { initContainers: initContainers.map(changed) }),
  }
}

function unknownNames(placed: Placed, manifests: readonly Manifest[]): Problem[] {
  const { overlay, entry } = placed
  const problem = (field: string, message: string): Problem => {
    return { severity: 'error', file: overlay.file, line: entry.line, field, message }
  }
  const own = manifests.filter((manifest) => concerns(placed, manifest))
  const key = entry.namespace === undefined ? entry.name : `${entry.namespace}/${entry.name}`
  if (own.length === 0) {
    const known = manifests
      .filter((manifest) => isWorkload(overlay, manifest))
      .map(({ object: { metadata } }) =>
        entry.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`,
      )
    return [problem(key, `${key} is not a workload of these manifests: ${hint(key, known)}`)]
  }
  const containers = own.flatMap(({ object }) => {
    const { spec } = podTemplateOf(object) as PodTemplate
    return [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name)
  })
  return Object.keys(entry.containers)
    .filter((name) => !containers.includes(name))
    .map((name) =>
      problem(`${key}.containers.${name}`, `${key} has no container ${name}: ${hint(name, containers)}`),
    )
}

/** The maximum number of names that a hint lists. */
const MAX_NAMES = 20

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near !== undefined) return `did you mean ${near}?`
  const names = [...new Set(known)].toSorted()
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return names.length === 0 ? 'there are none' : `there are ${names.slice(0, MAX_NAMES).join(', ')}${more}`
}
