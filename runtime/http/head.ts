export interface RequestHead {
  readonly method: string
  /** Origin form, or `*` for OPTIONS. */
  readonly target: string
  /** 10 or 11. */
  readonly version: number
  /** The authority that the request names: that of an absolute target, else the Host field; '' where none. */
  readonly host: string
  /** The field's value (lower-case name), several joined by `, `; undefined where there is none. */
  get(name: string): string | undefined
  /** All fields as sent: `[name, value]`. */
  entries(): [name: string, value: string][]
}
