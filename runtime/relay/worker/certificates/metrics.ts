import { exposition, only } from '../../../process/exposition.ts'
import type { Certificate } from './certificate.ts'

/** Returns the metrics of certificates in the text format of Prometheus. At most `max` certificates are named. */
export function certificateMetrics(
  certificates: readonly Certificate[],
  faults: number,
  max: number,
): string {
  const first = certificates.toSorted((one, other) => one.notAfterMs - other.notAfterMs).slice(0, max)
  // The same name may come from two sources; a sample must be unique.
  const samples = new Map(first.toReversed().map(({ names, notAfterMs }) => [names[0] as string, notAfterMs]))
  return [
    exposition(
      'branchline_relay_certificates',
      'gauge',
      'Certificates that the relay has for visitors, apart from those of the authority for development.',
      only(certificates.length),
    ),
    exposition(
      'branchline_relay_certificate_faults',
      'gauge',
      'Certificates that cannot be used, or that have expired. The log names the file and the remedy.',
      only(faults),
    ),
    exposition(
      'branchline_relay_certificate_expiry_timestamp_seconds',
      'gauge',
      'When a certificate expires, by its first name. The first to expire are listed.',
      [...samples].toReversed().map(([name, ms]) => [{ certificate: name }, ms / 1000] as const),
    ),
  ].join('')
}
