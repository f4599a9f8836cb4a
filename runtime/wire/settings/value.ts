import { ANNOTATIONS, GROUP } from '../names.ts'
import {
  type Setting,
  type SettingName,
  SETTINGS,
  type SettingProcess,
  settingsOf,
  variableOf,
} from './table.ts'

const TIMES: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const SIZES: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 }
const EXAMPLES = {
  ms: 'a time such as 90s, 10m or 1h30m',
  bytes: 'a size such as 64Ki or 1Mi',
  count: 'a whole number',
}

/**
 * Parses a setting's value: a time (`500ms`, `90s`, `1h30m`), a size (`65536`, `64Ki`, `1Mi`) or a number. Throws a
 * RangeError that names the setting, its value and the allowed values.
 */
export function parseSetting(name: SettingName, text: string): number {
  const { unit, min, max } = SETTINGS[name] as Setting
  const value = numberOf(unit, text.trim())
  if (value !== undefined && value >= min && value <= max) return value
  throw new RangeError(
    `${name} is ${JSON.stringify(text)}: wanted ${EXAMPLES[unit]}, from ${formatSetting(unit, min)} to ${formatSetting(unit, max)}`,
  )
}

function numberOf(unit: Setting['unit'], text: string): number | undefined {
  if (unit === 'ms') {
    if (text === '0') return 0
    if (!/^(?:\d{1,9}(?:ms|h|m|s))+$/.test(text)) return undefined
    return [...text.matchAll(/(\d+)(ms|h|m|s)/g)].reduce(
      (sum, [, number, of]) => sum + Number(number) * (TIMES[of as string] as number),
      0,
    )
  }
  const [, number, of = ''] = (unit === 'bytes' ? /^(\d{1,15})(Ki|Mi|Gi)?$/ : /^(\d{1,12})$/).exec(text) ?? []
  return number === undefined ? undefined : Number(number) * (SIZES[of] as number)
}

/** Formats a value in the largest unit that needs no fraction. */
export function formatSetting(unit: Setting['unit'], value: number): string {
  if (unit === 'count' || value === 0) return String(value)
  const units = Object.entries(unit === 'ms' ? TIMES : SIZES).toReversed()
  const [name, size] = units.find(([, size]) => value % size === 0) as [string, number]
  return `${value / size}${name}`
}

/** The environment variables of settings, by name, and one sentence per fault. */
export interface RenderedSettings {
  readonly variables: Readonly<Record<string, string>>
  readonly faults: readonly string[]
}

/**
 * Converts settings to the environment variables of a process. An unknown name or an invalid value is a fault, and has no
 * variable.
 */
export function renderSettings(
  process: SettingProcess,
  settings: Readonly<Record<string, string>>,
): RenderedSettings {
  const known = new Set<string>(settingsOf(process).map(([name]) => name))
  const variables: Record<string, string> = {}
  const faults: string[] = []
  for (const [name, text] of Object.entries(settings)) {
    if (!known.has(name)) {
      faults.push(`${name} is not a setting of a ${process}: wanted one of ${[...known].join(', ')}`)
      continue
    }
    // YAML reads 10 and true as a number and a boolean, which Kubernetes does not accept in an annotation.
    if (typeof (text as unknown) !== 'string') {
      faults.push(`${name} is ${JSON.stringify(text)}, which is not a text: put it in quotes`)
      continue
    }
    try {
      variables[variableOf(name as SettingName)] = String(parseSetting(name as SettingName, text))
    } catch (error) {
      faults.push((error as Error).message)
    }
  }
  return { variables, faults }
}

const OTHERS = new Set<string>(Object.values(ANNOTATIONS))
const PREFIX = `${GROUP}/`

/** Returns the settings among the annotations of a pod template, by name. */
export const annotatedSettings = (
  annotations: Readonly<Record<string, string>> = {},
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations)
      .filter(([name]) => name.startsWith(PREFIX) && !OTHERS.has(name))
      .map(([name, text]) => [name.slice(PREFIX.length), text]),
  )

/**
 * Parses the settings in BRANCHLINE_SETTINGS: a JSON object such as `{"response-timeout":"15m"}`, or an empty text.
 * Returns the environment variables. Throws a RangeError that names each fault.
 */
export function parseSettings(process: SettingProcess, text: string): RenderedSettings['variables'] {
  if (text === '') return {}
  const { variables, faults } = renderSettings(process, settingsIn(text))
  if (faults.length > 0) throw new RangeError(faults.join('; '))
  return variables
}

function settingsIn(text: string): Readonly<Record<string, string>> {
  try {
    const settings: unknown = JSON.parse(text)
    if (isTexts(settings)) return settings
  } catch {
    // The same fault.
  }
  throw new RangeError(`${JSON.stringify(text)}: wanted a JSON object such as {"connections":"5000"}`)
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => typeof one === 'string')
