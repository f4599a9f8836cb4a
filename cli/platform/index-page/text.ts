import { printableLine } from '@branchline/runtime/local/printable'
import { environmentTable } from '../table.ts'
import type { Index } from './model.ts'

/** The index as plain text for a terminal: the table of `up`, services that are not ready, and problems. */
export function indexText({ environments, problems }: Index): string {
  const services = environments.flatMap(({ name, services }) =>
    services.flatMap(({ name: service, ready, ended, why }) =>
      ready || ended === 'Succeeded' ? [] : [`${name}/${service} ${why}`],
    ),
  )
  const lines = [...services, ...problems.map(({ severity, text }) => `${severity}: ${text}`)]
  return [environmentTable(environments), ...lines.map(printableLine), ''].join('\n')
}
