import { VARIABLES } from '@branchline/wire/env'

/** The options of `branchline relay` that start one. */
export interface StartOptions {
  readonly state?: string
  readonly role?: 'all' | 'coordinator' | 'worker'
  readonly host?: string
  readonly http?: number
  readonly https?: number
  readonly tlsDir?: string
  readonly selfSigned?: boolean
  readonly api?: number
  readonly tunnel?: number
  readonly admin?: number
  readonly ports?: string
  readonly allowTargets?: readonly string[]
  readonly domain?: string
  readonly publicUrl?: string
  readonly coordinator?: readonly string[]
  readonly joinTokenFile?: string
  readonly name?: string
  readonly group?: string
}

const HOST = 'POD_IP'
const HTTP_PORT = 'BRANCHLINE_HTTP_PORT'
const TUNNEL_PORT = 'BRANCHLINE_TUNNEL_PORT'

/** By option: the variable of the relay that it sets. */
const VARIABLE_OF: Readonly<Record<keyof StartOptions, string>> = {
  state: VARIABLES.stateDirectory,
  role: VARIABLES.role,
  host: HOST,
  http: HTTP_PORT,
  https: 'BRANCHLINE_HTTPS_PORT',
  tlsDir: 'BRANCHLINE_TLS_DIR',
  selfSigned: 'BRANCHLINE_SELF_SIGNED',
  api: VARIABLES.apiPort,
  tunnel: TUNNEL_PORT,
  admin: VARIABLES.adminPort,
  ports: VARIABLES.ports,
  allowTargets: VARIABLES.allowTargets,
  domain: VARIABLES.domain,
  publicUrl: VARIABLES.publicUrl,
  coordinator: VARIABLES.coordinators,
  joinTokenFile: VARIABLES.joinTokenFile,
  name: VARIABLES.workerName,
  group: VARIABLES.workerGroup,
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables of a relay: those of the environment, with the options above them. The port of metrics is any free one
 * unless it is named, so that several relays can run on one machine. Pure.
 */
export function variablesOf(
  options: StartOptions,
  environment: Environment,
): Record<string, string | undefined> {
  const variables: Record<string, string | undefined> = { [VARIABLES.adminPort]: '0', ...environment }
  for (const [option, name] of Object.entries(VARIABLE_OF)) {
    const value = options[option as keyof StartOptions]
    if (value !== undefined) variables[name] = textOf(value)
  }
  return variables
}

function textOf(value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'object') return value.join(',')
  return value === true ? 'on' : String(value)
}

/** A fault of a variable in the words of the option that has set it. Pure. */
export function faultOf(fault: string, options: StartOptions): string {
  for (const [option, name] of Object.entries(VARIABLE_OF)) {
    const isGiven = options[option as keyof StartOptions] !== undefined
    if (fault.startsWith(name) && (isGiven || option === 'coordinator'))
      return fault.replace(name, flagOf(option))
  }
  return fault
}

/** `allowTargets` as `--allow-targets`. */
const flagOf = (option: string): string =>
  `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** The option that moves a port. Undefined for a port that no option has set. */
export function optionOfPort(
  port: number,
  ports: Readonly<Partial<Record<'http' | 'api' | 'tunnel' | 'admin', number>>>,
): string | undefined {
  const found = Object.entries(ports).find(([, one]) => one === port)
  return found && flagOf(found[0])
}
