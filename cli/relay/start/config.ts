import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { ConfigurationError } from '@branchline/runtime/process/config'
import type { RelayConfig } from '@branchline/runtime/relay/config'
import { VARIABLES } from '@branchline/wire/env'
import { CliError } from '../../platform/errors.ts'
import { clusterToken } from './cluster-token.ts'
import { faultOf, type StartOptions, variablesOf } from './variables.ts'

/** The configuration of a relay with these options. Rejects with a CliError that names every fault by its option. */
export async function configOf(options: StartOptions, { isCheck = false } = {}): Promise<RelayConfig> {
  if (options.role === 'coordinator' && options.ports !== undefined)
    throw new CliError('BL_USAGE', '--ports: a coordinator has no ports: give the range to its workers')
  const { readConfig } = await import('@branchline/runtime/relay/config')
  // URLs of circuits contain the port, before the listener exists.
  const http = options.http === 0 && options.publicUrl === undefined ? await freePort() : options.http
  const variables = variablesOf({ ...options, ...(http !== undefined && { http }) }, process.env)
  variables[VARIABLES.relayToken] ||= tokenOf(variables, isCheck)
  try {
    return readConfig(variables)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new CliError('BL_USAGE', error.faults.map((fault) => faultOf(fault, options)).join('\n'))
  }
}

/** A check writes nothing. A wrong role is a fault of its own. */
function tokenOf(variables: Readonly<Record<string, string | undefined>>, isCheck: boolean): string {
  const isCoordinator = variables[VARIABLES.role] === 'coordinator'
  return clusterToken(isCheck || isCoordinator ? undefined : variables[VARIABLES.stateDirectory])
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0), 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
