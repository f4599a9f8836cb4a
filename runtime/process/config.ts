/** Exit code for an invalid configuration (sysexits.h: EX_USAGE). */
export const EXIT_CONFIGURATION = 64

/** All faults of a configuration, one sentence each. */
export class ConfigurationError extends Error {
  readonly code = 'BL_CONFIGURATION'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigurationError'
    this.faults = faults
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads variables one by one and collects the fault of each, so that a process reports all faults before it listens.
 * Call {@link VariableReader.check} after the last one. It throws a {@link ConfigurationError}.
 */
export class VariableReader {
  readonly #environment: Environment
  readonly #faults: string[] = []

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Returns the text of a variable, or the default. A variable without a default must be set and not empty. */
  text(name: string, fallback?: string): string {
    const value = this.#environment[name]
    if (value !== undefined && value !== '') return value
    if (fallback === undefined) this.#faults.push(`${name} is missing: set it`)
    return fallback ?? ''
  }

  /** Reads an integer between two limits, inclusive. */
  integer(name: string, fallback: number, bounds: { min: number; max: number }): number {
    const text = this.text(name, String(fallback))
    const value = Number(text)
    if (/^-?\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value
    this.#faults.push(
      `${name}=${JSON.stringify(text)}: wanted a whole number from ${bounds.min} to ${bounds.max}`,
    )
    return fallback
  }

  /** Reads a TCP port. 0 lets the system choose. */
  port(name: string, fallback: number): number {
    return this.integer(name, fallback, { min: 0, max: 65535 })
  }

  /** Reads one word from a list. */
  choice<const T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const text = this.text(name, fallback)
    const found = choices.find((choice) => choice === text)
    if (found === undefined) {
      this.#faults.push(`${name}=${JSON.stringify(text)}: wanted one of ${choices.join(', ')}`)
    }
    return found ?? fallback
  }

  /** Reads a variable with a custom parser, which throws an Error whose message is the fault. */
  parsed<T>(name: string, parse: (text: string) => T, fallback: string): T | undefined {
    try {
      return parse(this.text(name, fallback))
    } catch (error) {
      this.#faults.push(`${name}: ${(error as Error).message}`)
      return undefined
    }
  }

  /** Notes what is wrong with the variables together, as one sentence. */
  fault(sentence: string): void {
    this.#faults.push(sentence)
  }

  /** Throws if there was any fault. */
  check(): void {
    if (this.#faults.length > 0) throw new ConfigurationError(this.#faults)
  }
}
