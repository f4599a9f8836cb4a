import { settingsOf, variableOf } from '@branchline/wire/settings/table'
import { expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from './limits.ts'

const TOKEN = { BRANCHLINE_RELAY_TOKEN: 'token-of-the-tests-0123456789' }

const fieldOf = (limits: RelayLimits, place: string): unknown => {
  const [part, field] = place.split('.') as [string, string]
  const holder = part === 'relay' ? limits : limits[part as keyof RelayLimits]
  return (holder as unknown as Record<string, unknown> | undefined)?.[field]
}

test('every setting of the table reaches the field that it names', () => {
  const settings = settingsOf('relay').map(([name, { min, sets }, standard]) => ({
    standard,
    variable: variableOf(name),
    min,
    // The relay has none of these parts.
    sets: sets.filter((place) => !/^(?:raw|opening|config)\./.test(place)),
  }))
  const variables = Object.fromEntries(settings.map(({ variable, min }) => [variable, String(min)]))
  const { limits } = readConfig({ ...TOKEN, ...variables })
  for (const { sets, min, standard } of settings) {
    expect(sets).not.toEqual([])
    for (const place of sets) {
      expect([place, fieldOf(limits, place)]).toEqual([place, min])
      expect([place, fieldOf(DEFAULT_RELAY_LIMITS, place)]).toEqual([place, standard])
    }
  }
})

test('settings in one text apply unless their own variable overrides them', () => {
  const { limits } = readConfig({
    ...TOKEN,
    BRANCHLINE_SETTINGS: '{"connections":"5000","head-timeout":"5s"}',
    BRANCHLINE_CONNECTIONS: '7',
  })
  expect(limits.http).toMatchObject({ connections: 7, headMs: 5_000 })
})

test('names all faults together', () => {
  const read = () =>
    readConfig({
      ...TOKEN,
      BRANCHLINE_SETTINGS: '{"hold-timeout":"1s"}',
      BRANCHLINE_LABELS: '0',
      BRANCHLINE_HEADER: 'b3',
    })
  expect(read).toThrow(/BRANCHLINE_HEADER: "b3"/)
  expect(read).toThrow(/BRANCHLINE_SETTINGS: hold-timeout is not a setting of a relay/)
  expect(read).toThrow(/BRANCHLINE_LABELS="0": wanted a whole number from 1 to 1000000/)
})
