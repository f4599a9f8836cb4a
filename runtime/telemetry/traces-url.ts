import type { VariableReader } from '../process/config.ts'

/**
 * Reads where spans go (OTLP over HTTP), path included. Undefined: no spans. Follows OpenTelemetry's specification of the OTLP exporter: the variable of the signal is used
 * unchanged.
 */
export function readTracesUrl(read: VariableReader): string | undefined {
  const own = read.parsed('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', parseOtlp, '')
  const base = read.parsed('OTEL_EXPORTER_OTLP_ENDPOINT', parseOtlp, '')
  return own?.href ?? (base && `${base.href.replace(/\/$/, '')}/v1/traces`)
}

function parseOtlp(text: string): URL | undefined {
  if (text === '') return undefined
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new RangeError(`${JSON.stringify(text)}: wanted an http:// URL, such as http://otel-collector:4318`)
}
