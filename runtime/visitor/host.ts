/**
 * The label of a preview's host, `<label>.<domain>`. Undefined for any other host. The authority (RFC 9110, 7.2) may
 * have a port, capitals and a trailing dot. The label is looked up as a whole, never parsed.
 */
export function labelOf(authority: string, domain: string): string | undefined {
  const host = hostOf(authority)
  if (host === undefined || !host.endsWith(`.${domain}`)) return undefined
  const label = host.slice(0, -domain.length - 1)
  return label === '' || label.length > 63 || label.includes('.') ? undefined : label
}

/**
 * The host of an authority (RFC 9110, 7.2) in lower case, without its port and a trailing dot. Undefined if it is not a
 * host name.
 */
export function hostOf(authority: string): string | undefined {
  if (authority.length > 260) return undefined
  return /^([a-z0-9.-]+?)\.?(?::\d{0,5})?$/i.exec(authority)?.[1]?.toLowerCase()
}

/** The URL of a label for visitors: the public URL with the label before its host. */
export function urlOf(label: string, publicUrl: URL): string {
  return `${publicUrl.protocol}//${label}.${publicUrl.host}`
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Whether an authority is the domain itself, or this machine (as with `kubectl port-forward`). No other name counts: a
 * page of another site may let a name of its own lead here (DNS rebinding).
 */
export function isApex(authority: string, domain: string): boolean {
  const [, name] = /^([a-z0-9.-]{1,255}?|\[::1\])\.?(?::\d{0,5})?$/i.exec(authority) ?? []
  const host = name?.toLowerCase()
  return host !== undefined && (host === domain || LOOPBACK.has(host))
}
