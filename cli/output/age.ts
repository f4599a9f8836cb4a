/** How long ago a time is, in the style of kubectl: `45s`, `12m`, `3h`, `2d`. `-` if the time is unknown. */
export function age(time: string | undefined, nowMs: number): string {
  const at = Date.parse(time ?? '')
  return Number.isNaN(at) ? '-' : duration(nowMs - at)
}

/** A duration in the style of kubectl. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}
