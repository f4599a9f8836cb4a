import { age } from '../output/age.ts'
import { type Column, NONE, type Row } from '../output/table.ts'
import {
  environmentOfNamespace,
  type EnvironmentObject,
  isReady,
  type PreviewObject,
  reasonsOf,
} from './resources.ts'

export const PREVIEW_COLUMNS: readonly Column[] = [
  { title: 'ENVIRONMENT' },
  { title: 'NAME' },
  { title: 'SERVICE', drop: 1 },
  { title: 'READY' },
  { title: 'URL', spill: true },
  { title: 'AGE', drop: 2 },
  { title: 'PORT', wide: true },
  { title: 'ACCESS', wide: true },
]

/** A row of `get previews`, with the reasons of conditions below it. */
export function previewRow(
  preview: PreviewObject,
  environments: readonly EnvironmentObject[],
  nowMs: number,
): Row {
  const { metadata, spec, status } = preview
  const ready = isReady(preview) && status?.url !== undefined
  return {
    cells: [
      environmentOfNamespace(metadata.namespace, environments)?.metadata.name ?? metadata.namespace ?? NONE,
      metadata.name,
      spec?.service ?? NONE,
      ready ? { text: 'True', tone: 'good' } : { text: 'False', tone: 'bad' },
      status?.url ?? NONE,
      age(metadata.creationTimestamp, nowMs),
      String(spec?.port ?? NONE),
      spec?.access ?? 'public',
    ],
    notes: reasonsOf(preview),
  }
}

/** How commands name a preview: `web@alice`. */
export const previewName = (preview: PreviewObject, environments: readonly EnvironmentObject[]): string => {
  const { name, namespace = '' } = preview.metadata
  return `${name}@${environmentOfNamespace(namespace, environments)?.metadata.name ?? namespace}`
}
