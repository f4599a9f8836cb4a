const DURATION_SOURCE = '^([0-9]{1,6}h([0-9]{1,6}m)?([0-9]{1,6}s)?|[0-9]{1,6}m([0-9]{1,6}s)?|[0-9]{1,6}s)$'

/** A duration of hours, minutes and seconds. The pattern is also valid in RE2. */
export const DURATION = new RegExp(DURATION_SOURCE)

/**
 * Parses a duration of hours, minutes and seconds, such as `72h` or `1h30m` (a subset of the durations of Go and
 * Kubernetes). Returns milliseconds, or NaN if the text is not a duration.
 */
export function durationMs(text: string): number {
  if (!DURATION.test(text)) return Number.NaN
  const part = (unit: string): number => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0)
  return ((part('h') * 60 + part('m')) * 60 + part('s')) * 1000
}
