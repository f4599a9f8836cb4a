import type { Certificate } from './certificate.ts'

/** Selects certificates by name. The time of a selection does not depend on how many there are. */
export class Selection {
  readonly #exact = new Map<string, Certificate>()
  /** By the name without its first label. */
  readonly #wildcards = new Map<string, Certificate>()
  readonly #standard: Certificate | undefined

  /**
   * `isStandard` tells the certificate for clients that name no host, or one that no certificate covers. Without it,
   * that which covers `domain` or names below it is the default, and else the first by name.
   */
  constructor(
    certificates: Iterable<Certificate>,
    options: {
      readonly domain: string
      readonly nowMs: number
      readonly isStandard?: (one: Certificate) => boolean
    },
  ) {
    const { domain, nowMs, isStandard = () => false } = options
    let named: Certificate | undefined
    let first: Certificate | undefined
    for (const certificate of certificates) {
      for (const name of certificate.names) this.#add(name, certificate, nowMs)
      if (isStandard(certificate)) named = better(named, certificate, nowMs)
      if (first === undefined || nameOf(certificate) < nameOf(first)) first = certificate
    }
    this.#standard = named ?? this.#exact.get(domain) ?? this.#wildcards.get(domain) ?? first
  }

  /** Returns the certificate for a name in lower case, exact names before wildcards of one label (RFC 6125). */
  named(name: string): Certificate | undefined {
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact
    const dot = name.indexOf('.')
    return dot > 0 ? this.#wildcards.get(name.slice(dot + 1)) : undefined
  }

  /** The certificate for all other clients; undefined only if there is none at all. */
  get standard(): Certificate | undefined {
    return this.#standard
  }

  #add(name: string, certificate: Certificate, nowMs: number): void {
    const isWildcard = name.startsWith('*.')
    const map = isWildcard ? this.#wildcards : this.#exact
    const key = isWildcard ? name.slice(2) : name
    map.set(key, better(map.get(key), certificate, nowMs))
  }
}

const nameOf = ({ names, id }: Certificate): string => `${names[0]} ${id}`

/** A valid one before one that is not, then the newer one. The order in which they come does not matter. */
function better(one: Certificate | undefined, other: Certificate, nowMs: number): Certificate {
  if (one === undefined) return other
  const [first, second] = [isValid(one, nowMs), isValid(other, nowMs)]
  if (first !== second) return first ? one : other
  const [a, b] = [one.notBeforeMs, other.notBeforeMs]
  if (a !== b) return a > b ? one : other
  return one.id <= other.id ? one : other
}

const isValid = ({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): boolean =>
  nowMs >= notBeforeMs && nowMs < notAfterMs
