import { isIP } from 'node:net'
import { isAbsolute, join } from 'node:path'
import { VARIABLES } from '@branchline/wire/env'
import type { VariableReader } from '../../../../process/config.ts'

/** How certificates are ordered of an ACME authority (RFC 8555). */
export interface AcmeConfig {
  /** BRANCHLINE_ACME_URL: the authority's directory. Default: Let's Encrypt. */
  readonly url: string
  /** BRANCHLINE_ACME_NAMES: the names for which certificates are always ordered. Default: none. */
  readonly names: readonly string[]
  /** BRANCHLINE_ACME_ON_DEMAND: whether hosts that the relay serves get one at their first use. Default: off. */
  readonly isOnDemand: boolean
  /** BRANCHLINE_ACME_EMAIL: where the authority writes about problems. Default: none. */
  readonly email: string | undefined
  /** BRANCHLINE_ACME_DNS_HOOK: the program that proves names by DNS, see `dns-hook.ts`. Default: none, by HTTP. */
  readonly dnsHook: string | undefined
  /** BRANCHLINE_ACME_CA_FILE: authorities that are trusted for the URL, as PEM. Default: the public ones. */
  readonly caFile: string | undefined
  /** BRANCHLINE_ACME_DIR: the folder of the account and the certificates. Default: `acme` in the state directory. */
  readonly folder: string
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'
const OTHERS = ['NAMES', 'ON_DEMAND', 'EMAIL', 'DNS_HOOK', 'CA_FILE', 'URL', 'DIR']

/**
 * Reads the variables of ACME. Undefined unless BRANCHLINE_ACME_TERMS says that the terms of the authority are agreed to.
 * Notes faults with the reader, and does not throw.
 */
export function readAcmeConfig(read: VariableReader): AcmeConfig | undefined {
  const isAgreed = read.choice('BRANCHLINE_ACME_TERMS', ['agreed', 'no'], 'no') === 'agreed'
  const names = read.parsed('BRANCHLINE_ACME_NAMES', parseNames, '') ?? []
  const isOnDemand = read.choice('BRANCHLINE_ACME_ON_DEMAND', ['on', 'off'], 'off') === 'on'
  const state = read.text(VARIABLES.stateDirectory, '')
  const folder =
    read.parsed('BRANCHLINE_ACME_DIR', parsePath, '') ?? (state === '' ? '' : join(state, 'acme'))
  const config: AcmeConfig = {
    url: read.parsed('BRANCHLINE_ACME_URL', parseUrl, LETS_ENCRYPT) ?? '',
    names,
    isOnDemand,
    email: read.parsed('BRANCHLINE_ACME_EMAIL', parseEmail, ''),
    dnsHook: read.parsed('BRANCHLINE_ACME_DNS_HOOK', parsePath, ''),
    caFile: read.parsed('BRANCHLINE_ACME_CA_FILE', parsePath, ''),
    folder,
  }
  if (!isAgreed) {
    const given = OTHERS.find((name) => read.text(`BRANCHLINE_ACME_${name}`, '') !== '')
    if (given !== undefined)
      read.fault(
        `BRANCHLINE_ACME_${given} needs BRANCHLINE_ACME_TERMS=agreed, if you agree to the authority's terms`,
      )
    return undefined
  }
  noteFaults(read, config)
  return config
}

function noteFaults(read: VariableReader, { names, isOnDemand, dnsHook, folder }: AcmeConfig): void {
  if (names.length === 0 && !isOnDemand)
    read.fault('BRANCHLINE_ACME_NAMES is missing: set it, or BRANCHLINE_ACME_ON_DEMAND=on')
  if (folder === '') read.fault(`${VARIABLES.stateDirectory} is missing: certificates must survive a restart`)
  const wildcard = dnsHook === undefined ? names.find((name) => name.startsWith('*.')) : undefined
  if (wildcard !== undefined)
    read.fault(
      `BRANCHLINE_ACME_NAMES: ${wildcard} needs BRANCHLINE_ACME_DNS_HOOK; HTTP cannot prove a wildcard`,
    )
}

const NAME = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function parseNames(text: string): string[] {
  const names = text.split(',').flatMap((name) => name.trim().toLowerCase() || [])
  const wrong = names.find((name) => !NAME.test(name) || name.length > 253 || isIP(name) !== 0)
  if (wrong === undefined) return [...new Set(names)]
  throw new RangeError(
    `${JSON.stringify(wrong)} is not a DNS name such as preview.example.com or *.example.com`,
  )
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && new URL(text).protocol === 'https:') return text
  throw new RangeError(`${JSON.stringify(text)}: wanted the https:// URL of an ACME directory`)
}

function parseEmail(text: string): string | undefined {
  if (text === '' || /^[^@\s]+@[^@\s]+$/.test(text)) return text || undefined
  throw new RangeError(`${JSON.stringify(text)} is not an address of e-mail`)
}

function parsePath(text: string): string | undefined {
  if (text === '' || isAbsolute(text)) return text || undefined
  throw new RangeError(`${JSON.stringify(text)} is not an absolute path`)
}
