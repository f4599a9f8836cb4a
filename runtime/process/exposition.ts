/** Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats). */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string>>

/** One metric with its samples, as lines. */
export function exposition(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: Iterable<readonly [labels: Labels, value: number]>,
): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  for (const [labels, value] of samples) text += `${name}${braced(labels)} ${value}\n`
  return text
}

/** How often values were up to each of some bounds, how often in all, and their sum. */
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

  /** Its lines, with buckets that hold all below them. */
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
