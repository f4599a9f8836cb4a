/** Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats). */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string>>

/** The response of `/metrics`. */
export interface Scrape {
  readonly contentType: string
  readonly text: string
}

/** Returns one metric with its samples as lines. */
export function exposition(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: Iterable<readonly [labels: Labels, value: number]>,
): string {
  let text = heading(name, type, help)
  for (const [labels, value] of samples) text += `${name}${braced(labels)} ${value}\n`
  return text
}

/** Returns a histogram with the observations of each set of labels as lines. */
export function histogramExposition(
  name: string,
  help: string,
  samples: Iterable<readonly [labels: Labels, observed: Histogram]>,
): string {
  let text = heading(name, 'histogram', help)
  for (const [labels, observed] of samples) text += observed.lines(name, labels)
  return text
}

const heading = (name: string, type: string, help: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`

/** Returns the samples of a metric without labels. */
export const only = <T>(value: T): readonly [readonly [Labels, T]] => [[{}, value]]

/** Counts by one label, whose values must be few. */
export class Counts<Value extends string> {
  readonly #label: string
  readonly #counts = new Map<Value, number>()

  constructor(label: string) {
    this.#label = label
  }

  inc(value: Value): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
  }

  of(value: Value): number {
    return this.#counts.get(value) ?? 0
  }

  samples(): (readonly [Labels, number])[] {
    return [...this.#counts].map(([value, count]) => [{ [this.#label]: value }, count] as const)
  }
}

/** Counts how many values were up to each of some limits, how many there were in total, and their sum. */
export class Histogram {
  readonly counts: Float64Array
  readonly #bounds: readonly number[]
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = new Float64Array(bounds.length)
  }

  observe(value: number): void {
    this.count++
    this.sum += value
    for (let index = 0; index < this.#bounds.length; index++) {
      if (value > (this.#bounds[index] as number)) continue
      this.counts[index] = (this.counts[index] as number) + 1
      return
    }
  }

  /** Returns its lines, with cumulative buckets. */
  lines(name: string, labels: Labels): string {
    let text = ''
    let below = 0
    for (const [index, bound] of this.#bounds.entries()) {
      below += this.counts[index] as number
      text += `${name}_bucket${braced({ ...labels, le: String(bound) })} ${below}\n`
    }
    text += `${name}_bucket${braced({ ...labels, le: '+Inf' })} ${this.count}\n`
    return `${text}${name}_sum${braced(labels)} ${this.sum}\n${name}_count${braced(labels)} ${this.count}\n`
  }
}

function braced(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return all.length === 0 ? '' : `{${all.join(',')}}`
}

const escape = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
