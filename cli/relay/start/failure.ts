import type { RelayConfig } from '@branchline/runtime/relay/config'
import { systemSentence } from '../../output/system-errors.ts'
import { CliError } from '../../platform/errors.ts'
import { optionOfPort } from './variables.ts'

type Ports = Pick<RelayConfig, 'role' | 'httpPort' | 'apiPort' | 'tunnelPort' | 'adminPort'>

/** Turns the failure of a start into a CliError, whose message names the option to change. Pure. */
export function startFailure(error: unknown, config: Ports): unknown {
  if (!(error instanceof Error)) return error
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code?.startsWith('BL_') === true) return new CliError('BL_RELAY_START', error.message, { cause: error })
  const sentence = systemSentence(error)
  if (sentence === undefined) return error
  const { role, httpPort: http, apiPort: api, tunnelPort: tunnel, adminPort: admin } = config
  const ports = { ...(role !== 'coordinator' && { http, tunnel }), ...(role !== 'worker' && { api }), admin }
  const option = port === undefined ? undefined : optionOfPort(port, ports)
  const other = option === undefined ? '' : `; ${option} PORT chooses another, and ${option} 0 any free one`
  return new CliError('BL_RELAY_START', `the relay cannot start: ${sentence}${other}`, { cause: error })
}
