/** A request's head, in whichever HTTP version it came. */
export interface Head {
  readonly method: string
  /** Origin form, or `*` for OPTIONS (RFC 9112, 3.2; the `:path` of RFC 9113, 8.3.1). */
  readonly target: string
  /** 10, 11 or 20. */
  readonly version: number
  /** The authority that the request names; '' if it names none. */
  readonly host: string
  /** How much memory it takes, in bytes: about its size on the wire. */
  readonly bytes: number
  /** Whether the request may be sent again: its method is safe (RFC 9110, 9.2.1) and it has no body. */
  readonly repeatable: boolean
  /** The value of a field (lower-case name), several joined by `, ` (RFC 9110, 5.3); undefined if there is none. */
  get(name: string): string | undefined
  /** All fields as they came: `[name, value]`. */
  entries(): [name: string, value: string][]
}

/** Whether a method is safe (RFC 9110, 9.2.1): its request may be sent again. */
export const isSafe = (method: string): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
