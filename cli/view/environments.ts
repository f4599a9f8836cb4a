import { age } from '../output/age.ts'
import { type Cell, type Column, NONE, type Row } from '../output/table.ts'
import { type EnvironmentObject, factsOf, isReady, reasonsOf } from './resources.ts'

export const ENVIRONMENT_COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'TYPE', drop: 2 },
  { title: 'BASE', shrink: 12 },
  { title: 'OVERRIDES', shrink: 14 },
  { title: 'READY' },
  { title: 'URL', spill: true },
  { title: 'AGE', drop: 3 },
  { title: 'NAMESPACE', wide: true },
  { title: 'KEY', wide: true },
  { title: 'SIDECARS', wide: true },
  { title: 'ROUTES', wide: true },
  { title: 'EXPIRES', wide: true },
]

/** A row of `get env`, with the reasons of conditions below it. */
export function environmentRow(environment: EnvironmentObject, nowMs: number): Row {
  const { metadata, status } = environment
  const { namespace, type, base, key, overrides, urls } = factsOf(environment)
  return {
    cells: [
      metadata.name,
      type,
      base,
      overrides.length === 0 ? NONE : overrides.join(','),
      readyCell(environment),
      urls.length > 1 ? `${urls[0]} +${urls.length - 1}` : (urls[0] ?? NONE),
      age(metadata.creationTimestamp, nowMs),
      namespace,
      key,
      status?.sidecars?.summary ?? NONE,
      status?.routes ?? NONE,
      status?.expiresAt ?? NONE,
    ],
    notes: reasonsOf(environment),
  }
}

/** `True`, `False` or, for a paused environment, `Paused`. */
export function readyCell(environment: EnvironmentObject): Cell {
  const ready = isReady(environment)
  if (ready && environment.spec?.paused === true) return { text: 'Paused', tone: 'warning' }
  return ready ? { text: 'True', tone: 'good' } : { text: 'False', tone: 'bad' }
}
