import {
  type Setting,
  type SettingName,
  SETTINGS,
  type SettingProcess,
  variableOf,
} from '@branchline/wire/settings/table'
import { formatSetting } from '@branchline/wire/settings/value'
import { code, table } from './markdown.ts'

/** Returns the reference of the settings, generated from `runtime/wire/settings`. */
export function settingsReference(): string {
  const rows = (Object.entries(SETTINGS) as [SettingName, Setting][]).map(([name, setting]) => {
    const { unit, min, max, doc } = setting
    const standard = (process: SettingProcess): string => {
      const value = setting[process]
      return value === undefined ? '' : code(formatSetting(unit, value))
    }
    const bounds = `${formatSetting(unit, min)} to ${formatSetting(unit, max)}`
    return [code(name), code(variableOf(name)), standard('sidecar'), standard('relay'), bounds, doc]
  })
  return [
    '# Settings\n',
    'Every wait and every size that can be set. A setting of a sidecar is an annotation on the pod template, such as',
    '`branchline.dev/response-timeout: 10m`, from which the injection makes the variable. For all sidecars of an',
    'environment use `sidecar.settings` of the construct, or `branchline inject --setting`; for the relay',
    '`relay.settings` of the construct and of the chart (`{ head-timeout: 5s }`). Variables are whole',
    'numbers: milliseconds, bytes, or a count. `BRANCHLINE_SETTINGS` holds several settings in one text, a JSON object',
    'with values as in annotations; a variable of its own takes precedence.\n',
    table(['Setting', 'Variable', 'Sidecar', 'Relay', 'Bounds', 'Meaning'], rows),
  ].join('\n')
}
