/** What is wrong with a certificate. */
export type CertificateFault =
  | 'unreadable'
  | 'no-certificate'
  | 'no-key'
  | 'key-mismatch'
  | 'weak-key'
  | 'no-names'
  | 'chain-order'
  | 'expired'
  | 'not-yet-valid'
  | 'too-many'

/** A certificate cannot be used. The message names the file and the remedy. */
export class CertificateError extends Error {
  readonly code = 'BL_CERTIFICATE'
  readonly fault: CertificateFault
  /** The file, or what else it comes from. */
  readonly origin: string
  constructor(fault: CertificateFault, origin: string, problem: string, options?: ErrorOptions) {
    super(`${origin}: ${problem}`, options)
    this.name = 'CertificateError'
    this.fault = fault
    this.origin = origin
  }
}
