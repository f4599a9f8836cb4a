import { isAbsolute } from 'node:path'
import type { VariableReader } from '../../../process/config.ts'

/** Where the certificates of visitors come from. */
export interface CertificateConfig {
  /** BRANCHLINE_TLS_DIR: the folder of certificates, see `files/listing.ts`. Default: none. */
  readonly folder: string | undefined
  /** BRANCHLINE_SELF_SIGNED: whether the authority for development issues what no other source has. Default: off. */
  readonly isSelfSigned: boolean
}

/** Reads the variables of certificates. Notes faults with the reader, and does not throw. */
export function readCertificateConfig(read: VariableReader): CertificateConfig {
  return {
    folder: read.parsed('BRANCHLINE_TLS_DIR', parseFolder, ''),
    isSelfSigned: read.choice('BRANCHLINE_SELF_SIGNED', ['on', 'off'], 'off') === 'on',
  }
}

function parseFolder(text: string): string | undefined {
  if (text === '' || isAbsolute(text)) return text || undefined
  throw new RangeError(`${JSON.stringify(text)} is not the absolute path of a folder`)
}
