import { chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { Container, PodSpec, Projection, Volume } from '../kubernetes.ts'
import { fieldOf, type PodFacts } from './variables.ts'

/** The sources of volumes. */
export interface VolumeSources {
  readonly pod: PodFacts
  /** The values of a ConfigMap or Secret as bytes. Undefined if there is none. */
  readonly files: (kind: 'ConfigMap' | 'Secret', name: string) => ReadonlyMap<string, Buffer> | undefined
  readonly token: (audience: string) => string
  /** The owner of the files, if the pod runs as a different user than the caller. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

/**
 * Creates the folders that stand for a pod's volumes, by volume name, and writes the current values of their
 * ConfigMaps, Secrets and projections. An existing folder keeps the content of an emptyDir.
 */
export function fillVolumes(spec: PodSpec, folder: string, sources: VolumeSources): Map<string, string> {
  const folders = new Map<string, string>()
  for (const volume of spec.volumes ?? []) {
    if (volume.hostPath !== undefined) {
      folders.set(volume.name, volume.hostPath.path)
      continue
    }
    const path = join(folder, volume.name)
    makeFolder(path, sources.owner)
    for (const [name, content] of filesOf(volume, sources)) writeFile(path, name, content, sources.owner)
    folders.set(volume.name, path)
  }
  return folders
}

/** Creates the folder of an emptyDir or a claim. */
export function makeFolder(path: string, owner?: { uid: number; gid: number }): void {
  mkdirSync(path, { recursive: true })
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
}

/** Removes a folder with its content. */
export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true })

function filesOf(volume: Volume, sources: VolumeSources): [string, Buffer][] {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap !== undefined) return itemsOf('ConfigMap', configMap, sources)
  if (secret !== undefined) return itemsOf('Secret', { ...secret, name: secret.secretName }, sources)
  if (downwardAPI !== undefined) return downward(downwardAPI.items, sources)
  return (projected?.sources ?? []).flatMap((projection) => projectedFiles(projection, sources))
}

function projectedFiles(projection: Projection, sources: VolumeSources): [string, Buffer][] {
  const { serviceAccountToken, configMap, secret, downwardAPI } = projection
  if (configMap !== undefined) return itemsOf('ConfigMap', configMap, sources)
  if (secret !== undefined) return itemsOf('Secret', secret, sources)
  if (downwardAPI !== undefined) return downward(downwardAPI.items, sources)
  if (serviceAccountToken === undefined) return []
  const token = sources.token(serviceAccountToken.audience ?? 'https://kubernetes.default.svc')
  return [[serviceAccountToken.path, Buffer.from(token)]]
}

interface Ref {
  readonly name: string
  readonly items?: readonly { readonly key: string; readonly path: string }[] | undefined
}

function itemsOf(kind: 'ConfigMap' | 'Secret', ref: Ref, sources: VolumeSources): [string, Buffer][] {
  const files = sources.files(kind, ref.name) ?? new Map<string, Buffer>()
  if (ref.items === undefined) return [...files]
  return ref.items.flatMap(({ key, path }): [string, Buffer][] => {
    const content = files.get(key)
    return content === undefined ? [] : [[path, content]]
  })
}

type DownwardItems = NonNullable<Volume['downwardAPI']>['items']

function downward(items: DownwardItems, sources: VolumeSources): [string, Buffer][] {
  return (items ?? []).map(({ path, fieldRef }) => [
    path,
    Buffer.from(fieldRef === undefined ? '' : (fieldOf(fieldRef.fieldPath, sources.pod) ?? '')),
  ])
}

function writeFile(
  folder: string,
  name: string,
  content: Buffer,
  owner?: { uid: number; gid: number },
): void {
  const path = join(folder, normalize(`/${name}`))
  mkdirSync(dirname(path), { recursive: true })
  // Replace the file atomically, because a process may read it at any time.
  const fresh = `${path}.new`
  writeFileSync(fresh, content, { mode: 0o600 })
  if (owner !== undefined) chownSync(fresh, owner.uid, owner.gid)
  renameSync(fresh, path)
}

/** The mount paths of a container, and the folders that stand for them. */
export function mountsOf(container: Container, folders: ReadonlyMap<string, string>): Map<string, string> {
  const mounts = new Map<string, string>()
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const folder = folders.get(name)
    if (folder === undefined) continue
    const path = mountPath.replace(/\/+$/, '') || '/'
    mounts.set(path, subPath === undefined ? folder : join(folder, normalize(`/${subPath}`)))
  }
  return mounts
}
