import {
  type SettingName,
  type SettingProcess,
  settingsOf,
  variableOf,
} from '@branchline/wire/settings/table'
import { parseSettings } from '@branchline/wire/settings/value'
import { VARIABLES } from '@branchline/wire/env'
import type { VariableReader } from './config.ts'
import { clientMemory } from './memory.ts'

/** Settings by the part that they belong to, then by field. */
export type SettingParts = Readonly<Record<string, Readonly<Record<string, number>>>>

/**
 * Reads all settings of a process: from its variables, otherwise from BRANCHLINE_SETTINGS, otherwise the defaults, some
 * of which depend on the memory of the container. An invalid setting becomes a fault of the reader.
 */
export function readSettings(read: VariableReader, process: SettingProcess): SettingParts {
  const { connections, keptTotalBytes, unreadTotalBytes } = clientMemory()
  const computed: Partial<Record<SettingName, number>> = {
    connections,
    'kept-total-bytes': keptTotalBytes,
    'unread-total-bytes': unreadTotalBytes,
  }
  const all = read.parsed(VARIABLES.settings, (text) => parseSettings(process, text), '') ?? {}
  const parts: Record<string, Record<string, number>> = {}
  for (const [name, { sets, min, max }, standard] of settingsOf(process)) {
    const variable = variableOf(name)
    const value = read.integer(variable, Number(all[variable] ?? computed[name] ?? standard), { min, max })
    for (const place of sets) {
      const [part, field] = place.split('.', 2) as [string, string]
      ;(parts[part] ??= {})[field] = value
    }
  }
  return parts
}
