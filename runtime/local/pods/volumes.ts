import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { LocalError } from '../errors.ts'
import type { Container, PodSpec, Projection, Volume } from '../kubernetes.ts'
import { DATA_LINK, type Owner, type VolumeFile, writeAtomically } from './atomic-folder.ts'
import { expand } from './expand.ts'
import type { Mount } from './mounts.ts'
import { resourceOf } from './resources.ts'
import { fieldOf, type PodFacts } from './variables.ts'

/** The permissions of files without a mode (Kubernetes: defaultMode 0644). */
const DEFAULT_MODE = 0o644

/** The sources of volumes. */
export interface VolumeSources {
  readonly pod: PodFacts
  /** The values of a ConfigMap or Secret as bytes. Undefined if there is none. */
  readonly files: (kind: 'ConfigMap' | 'Secret', name: string) => ReadonlyMap<string, Buffer> | undefined
  readonly token: (audience: string) => string
  /** The owner of the files, if the pod runs as a different user than the caller. */
  readonly owner?: Owner
}

/** A pod's volumes. */
export interface FilledVolumes {
  /** The folder that stands for each volume, by its name. */
  readonly folders: ReadonlyMap<string, string>
  /** What the volumes refer to and what does not exist, as sentences. */
  readonly missing: readonly string[]
}

/**
 * Creates the folders that stand for a pod's volumes, and writes the current values of their ConfigMaps, Secrets and
 * projections. An existing folder keeps the content of an emptyDir. A volume whose source is missing keeps its files.
 */
export function fillVolumes(spec: PodSpec, folder: string, sources: VolumeSources): FilledVolumes {
  const folders = new Map<string, string>()
  const missing: string[] = []
  for (const volume of spec.volumes ?? []) {
    if (volume.hostPath !== undefined) {
      folders.set(volume.name, volume.hostPath.path)
      continue
    }
    const path = join(folder, volume.name)
    folders.set(volume.name, path)
    makeFolder(path, sources.owner)
    if (!hasFiles(volume)) {
      // Like a kubelet, because containers may run as several users. The folder above is closed to others.
      if (sources.owner === undefined) chmodSync(path, 0o777)
      continue
    }
    const found = filesOf(volume, spec, sources)
    missing.push(
      ...found.missing.map((what) => `volume ${volume.name} needs ${what}, which does not exist: add it`),
    )
    if (found.missing.length === 0) writeAtomically(path, found.files, sources.owner)
  }
  return { folders, missing }
}

/** Creates the folder of an emptyDir or a claim. */
export function makeFolder(path: string, owner?: Owner): void {
  mkdirSync(path, { recursive: true })
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
}

/** Creates a folder that only its owner may enter. */
export function makePrivateFolder(path: string, owner?: Owner): void {
  makeFolder(path, owner)
  chmodSync(path, 0o700)
}

/** Removes a folder with its content. */
export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true })

/** Whether a volume consists of files that Kubernetes writes, and containers only read. */
const hasFiles = ({ configMap, secret, downwardAPI, projected }: Volume): boolean =>
  [configMap, secret, downwardAPI, projected].some((source) => source !== undefined)

interface Found {
  readonly files: readonly VolumeFile[]
  /** Names of sources that do not exist, such as `ConfigMap settings`. */
  readonly missing: readonly string[]
}

function filesOf(volume: Volume, spec: PodSpec, sources: VolumeSources): Found {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap !== undefined) return itemsOf('ConfigMap', configMap, configMap.defaultMode, sources)
  if (secret !== undefined)
    return itemsOf('Secret', { ...secret, name: secret.secretName }, secret.defaultMode, sources)
  if (downwardAPI !== undefined) return downward(downwardAPI.items, downwardAPI.defaultMode, spec, sources)
  const parts = (projected?.sources ?? []).map((projection) =>
    projectedFiles(projection, projected?.defaultMode, spec, sources),
  )
  return { files: parts.flatMap(({ files }) => files), missing: parts.flatMap(({ missing }) => missing) }
}

function projectedFiles(
  projection: Projection,
  mode: number | undefined,
  spec: PodSpec,
  sources: VolumeSources,
): Found {
  const { serviceAccountToken, configMap, secret, downwardAPI } = projection
  if (configMap !== undefined) return itemsOf('ConfigMap', configMap, mode, sources)
  if (secret !== undefined) return itemsOf('Secret', secret, mode, sources)
  if (downwardAPI !== undefined) return downward(downwardAPI.items, mode, spec, sources)
  if (serviceAccountToken === undefined) return { files: [], missing: [] }
  const content = Buffer.from(sources.token(serviceAccountToken.audience ?? 'https://kubernetes.default.svc'))
  // A kubelet lets only the pod's own user read a token.
  return { files: [{ path: serviceAccountToken.path, content, mode: 0o600 }], missing: [] }
}

interface Ref {
  readonly name: string
  readonly optional?: boolean | undefined
  readonly items?:
    | readonly { readonly key: string; readonly path: string; readonly mode?: number | undefined }[]
    | undefined
}

function itemsOf(
  kind: 'ConfigMap' | 'Secret',
  ref: Ref,
  defaultMode: number | undefined,
  sources: VolumeSources,
): Found {
  const values = sources.files(kind, ref.name)
  if (values === undefined)
    return { files: [], missing: ref.optional === true ? [] : [`${kind} ${ref.name}`] }
  const items = ref.items ?? [...values.keys()].map((key) => ({ key, path: key, mode: undefined }))
  const missing: string[] = []
  const files = items.flatMap(({ key, path, mode }): VolumeFile[] => {
    const content = values.get(key)
    if (content === undefined && ref.optional !== true) missing.push(`${kind} ${ref.name}[${key}]`)
    return content === undefined ? [] : [{ path, content, mode: mode ?? defaultMode ?? DEFAULT_MODE }]
  })
  return { files, missing }
}

type DownwardItems = NonNullable<Volume['downwardAPI']>['items']

function downward(
  items: DownwardItems,
  defaultMode: number | undefined,
  spec: PodSpec,
  sources: VolumeSources,
): Found {
  const files = (items ?? []).map(({ path, fieldRef, resourceFieldRef, mode }): VolumeFile => {
    const text =
      resourceFieldRef === undefined
        ? fieldOf(fieldRef?.fieldPath ?? '', sources.pod)
        : resourceOf(spec, resourceFieldRef)
    return { path, content: Buffer.from(text ?? ''), mode: mode ?? defaultMode ?? DEFAULT_MODE }
  })
  return { files, missing: [] }
}

export interface MountOptions {
  readonly spec: PodSpec
  readonly folders: ReadonlyMap<string, string>
  /** The folder for copies of single files of volumes. */
  readonly copies: string
  /** The variables of the container, for subPathExpr. */
  readonly variables: Readonly<Record<string, string>>
  readonly owner?: Owner
}

/**
 * The mounts of a container that starts. A part of a volume with files of ConfigMaps or Secrets is copied, because on a
 * cluster it keeps its content until the container starts again. Throws a {@link LocalError} if a part does not exist.
 */
export function mountsOf(container: Container, options: MountOptions): Mount[] {
  const { spec, folders, copies, variables, owner } = options
  return (container.volumeMounts ?? []).flatMap(
    ({ name, mountPath, subPath, subPathExpr, readOnly }, index) => {
      const folder = folders.get(name)
      if (folder === undefined) return []
      const target = normalize(mountPath).replace(/\/+$/, '') || '/'
      const volume = spec.volumes?.find((one) => one.name === name)
      const isWritten = volume !== undefined && hasFiles(volume)
      const mount = { target, readOnly: isWritten || readOnly === true }
      const part = normalize(`/${subPath ?? expand(subPathExpr ?? '', variables)}`).slice(1)
      if (part === '') {
        if (!existsSync(folder)) makeFolder(folder, owner)
        return [{ ...mount, source: folder }]
      }
      if (isWritten) {
        const copy = join(copies, `${container.name}-${index}`)
        return [
          {
            ...mount,
            source: copyPart(join(folder, DATA_LINK, part), copy, `volume ${name} at ${mountPath}`),
          },
        ]
      }
      const source = join(folder, part)
      if (!existsSync(source)) makeFolder(source, owner)
      return [{ ...mount, source }]
    },
  )
}

function copyPart(from: string, to: string, what: string): string {
  if (!existsSync(from)) {
    throw new LocalError(
      'BL_LOCAL_NO_VALUE',
      `${what} needs the key of its subPath, which does not exist: add it`,
    )
  }
  removeFolder(to)
  mkdirSync(join(to, '..'), { recursive: true })
  const source = realpathSync(from)
  cpSync(source, to, { recursive: true, preserveTimestamps: true })
  const { uid, gid, mode } = statSync(source)
  chmodSync(to, mode & 0o777)
  if (process.getuid?.() === 0) chownSync(to, uid, gid)
  return to
}
