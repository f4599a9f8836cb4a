import { isAbsolute } from 'node:path'
import { RELAY_HTTPS_PORT } from '@branchline/wire/names'
import type { VariableReader } from '../../../process/config.ts'
import { type AcmeConfig, readAcmeConfig } from './acme/config.ts'

/** Where the certificates of visitors come from. */
export interface CertificateConfig {
  /** BRANCHLINE_TLS_DIR: the folder of certificates, see `files/listing.ts`. Default: none. */
  readonly folder: string | undefined
  /** Certificates that an ACME authority issues. Undefined: none. */
  readonly acme: AcmeConfig | undefined
  /** BRANCHLINE_SELF_SIGNED: whether the authority for development issues what no other source has. Default: off. */
  readonly isSelfSigned: boolean
  /** XDG_DATA_HOME: the user's data folder, in which that authority is. Default: none, see `authorityFolder`. */
  readonly dataHome: string | undefined
}

/** The listener of visitors with TLS. */
export interface HttpsConfig {
  readonly certificates: CertificateConfig
  /** BRANCHLINE_HTTPS_PORT. Default: 8443. */
  readonly port: number
  /** BRANCHLINE_HTTPS_REDIRECT: whether requests without TLS are redirected. Default: off. */
  readonly redirect: boolean
  /** BRANCHLINE_HSTS_SECONDS: the max-age of Strict-Transport-Security. Undefined for 0, the default. */
  readonly hstsSeconds: number | undefined
}

const SOURCES = 'BRANCHLINE_TLS_DIR, BRANCHLINE_ACME_TERMS or BRANCHLINE_SELF_SIGNED'
/** Two years, which is what the preload list asks for, twice. */
const MAX_HSTS_SECONDS = 126_144_000

/**
 * Reads the variables of the listener with TLS and of its certificates. Undefined if no source of certificates is
 * configured. Notes faults with the reader, and does not throw.
 */
export function readHttpsConfig(read: VariableReader): HttpsConfig | undefined {
  const certificates = readCertificateConfig(read)
  const port = read.parsed('BRANCHLINE_HTTPS_PORT', parsePort, '')
  const redirect = read.choice('BRANCHLINE_HTTPS_REDIRECT', ['on', 'off'], 'off') === 'on'
  const seconds = read.integer('BRANCHLINE_HSTS_SECONDS', 0, { min: 0, max: MAX_HSTS_SECONDS })
  const { folder, acme, isSelfSigned } = certificates
  if (folder !== undefined || acme !== undefined || isSelfSigned) {
    return { certificates, port: port ?? RELAY_HTTPS_PORT, redirect, hstsSeconds: seconds || undefined }
  }
  const given = [
    port !== undefined && 'BRANCHLINE_HTTPS_PORT',
    redirect && 'BRANCHLINE_HTTPS_REDIRECT',
    seconds > 0 && 'BRANCHLINE_HSTS_SECONDS',
  ]
  for (const name of given) if (name !== false) read.fault(`${name} needs certificates: set ${SOURCES}`)
  return undefined
}

/** Reads the variables of certificates. Notes faults with the reader, and does not throw. */
export function readCertificateConfig(read: VariableReader): CertificateConfig {
  return {
    folder: read.parsed('BRANCHLINE_TLS_DIR', parseFolder, ''),
    acme: readAcmeConfig(read),
    isSelfSigned: read.choice('BRANCHLINE_SELF_SIGNED', ['on', 'off'], 'off') === 'on',
    dataHome: read.text('XDG_DATA_HOME', '') || undefined,
  }
}

function parsePort(text: string): number | undefined {
  if (text === '') return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new RangeError(`${JSON.stringify(text)}: wanted a whole number from 0 to 65535`)
}

function parseFolder(text: string): string | undefined {
  if (text === '' || isAbsolute(text)) return text || undefined
  throw new RangeError(`${JSON.stringify(text)} is not the absolute path of a folder`)
}
