import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Setting, type SettingName, SETTINGS, settingsOf, variableOf } from './table.ts'
import { formatSetting, parseSetting, parseSettings, renderSettings } from './value.ts'

const all = Object.entries(SETTINGS) as [SettingName, Setting][]

test.each<[SettingName, string, number]>([
  ['response-timeout', '10m', 600_000],
  ['response-timeout', '1h5m', 3_900_000],
  ['response-timeout', '1500ms', 1_500],
  ['hold-timeout', '0', 0],
  ['head-bytes', '65536', 65_536],
  ['head-bytes', '64Ki', 65_536],
  ['head-bytes', '1Mi', 1024 ** 2],
  ['connections', '5000', 5_000],
])('%s of %j is %d', (name, text, value) => {
  expect(parseSetting(name, text)).toBe(value)
})

test.each<[SettingName, string]>([
  ['response-timeout', '10'],
  ['response-timeout', ''],
  ['response-timeout', '-1s'],
  ['response-timeout', '1.5h'],
  ['response-timeout', '1d'],
  ['response-timeout', '99h'],
  ['head-bytes', '64K'],
  ['head-bytes', '64KiB'],
  ['head-bytes', '1'],
  ['connections', '0'],
  ['connections', '1Ki'],
])('the error for %s of %j names the setting, the value and the allowed values', (name, text) => {
  expect(() => parseSetting(name, text)).toThrow(`${name} is ${JSON.stringify(text)}: wanted a`)
})

test('parses what it formats', () => {
  fc.assert(
    fc.property(
      fc
        .constantFrom(...all)
        .chain(([name, { min, max }]) => fc.tuple(fc.constant(name), fc.integer({ min, max }))),
      ([name, value]) => {
        expect(parseSetting(name, formatSetting((SETTINGS[name] as Setting).unit, value))).toBe(value)
      },
    ),
  )
})

test.each(all)('%s takes its bounds, and odd values next to them', (name, { unit, min, max }) => {
  for (const value of [min, Math.min(min + 1, max), Math.max(min, max - 1), max])
    expect(parseSetting(name, formatSetting(unit, value))).toBe(value)
})

test.each(all)('%s has a name, a sentence and defaults within its bounds', (name, setting) => {
  expect(name).toMatch(/^[a-z][a-z0-9-]{0,62}$/)
  expect(setting.doc).toMatch(/\.$/)
  expect(setting.sets.length).toBeGreaterThan(0)
  const defaults = [setting.sidecar, setting.relay].filter((one) => one !== undefined)
  expect(defaults.length).toBeGreaterThan(0)
  for (const one of defaults) expect(one >= setting.min && one <= setting.max).toBe(true)
})

test('variables of times end in their unit', () => {
  expect(variableOf('response-timeout')).toBe('BRANCHLINE_RESPONSE_TIMEOUT_MS')
  expect(variableOf('head-bytes')).toBe('BRANCHLINE_HEAD_BYTES')
})

test('no field of a process has two settings', () => {
  for (const process of ['sidecar', 'relay'] as const) {
    const fields = settingsOf(process).flatMap(([, { sets }]) => sets)
    expect(fields).toEqual([...new Set(fields)])
  }
})

test('a sidecar accepts the heads that a relay sends, and the relay waits for the slowest workload', () => {
  expect(SETTINGS['head-bytes'].sidecar - SETTINGS['head-bytes'].relay).toBeGreaterThanOrEqual(4 * 1024)
  expect(SETTINGS['head-fields'].sidecar - SETTINGS['head-fields'].relay).toBeGreaterThanOrEqual(10)
  expect(SETTINGS['response-timeout'].relay).toBe(SETTINGS['response-timeout'].max)
  expect(SETTINGS['stream-idle-timeout'].relay).toBe(SETTINGS['stream-idle-timeout'].max)
})

test('parses several settings in one text, and reports each fault', () => {
  expect(parseSettings('relay', '{"connections":"5000","head-timeout":"5s"}')).toEqual({
    BRANCHLINE_CONNECTIONS: '5000',
    BRANCHLINE_HEAD_TIMEOUT_MS: '5000',
  })
  expect(parseSettings('relay', '')).toEqual({})
  for (const text of ['connections=1', '[]', '"x"', '{"connections":1}', 'null']) {
    expect(() => parseSettings('relay', text)).toThrow('wanted a JSON object')
  }
  const { variables, faults } = renderSettings('relay', { 'hold-timeout': '1s', labels: 'x', links: '3' })
  expect(variables).toEqual({ BRANCHLINE_LINKS: '3' })
  expect(faults).toEqual([
    expect.stringContaining('hold-timeout is not a setting of a relay'),
    expect.stringContaining('labels is "x"'),
  ])
})

test.each<[unknown, string]>([
  [10, '10'],
  [true, 'true'],
  [null, 'null'],
])('the fault for %j, an unquoted YAML value, says to quote it', (value, shown) => {
  const { faults } = renderSettings('sidecar', { 'head-fields': value as string })
  expect(faults).toEqual([`head-fields is ${shown}, which is not a text: put it in quotes`])
})
