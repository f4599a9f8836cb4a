/** What a test did in one part of `npm test`. */
export interface Outcome {
  readonly file: string
  /** With those of its groups. */
  readonly name: string
  readonly isSkipped: boolean
}

const REASON = /\s*\(skipped: (.*?)\)(?= > |$)/

/**
 * One line: what no part of `npm test` ran, by file, and why, where the name of the test says so. A test that another part
 * ran is not skipped.
 */
export function summaryOf(outcomes: readonly Outcome[]): string {
  const idOf = ({ file, name }: Outcome): string => `${file} ${name.replace(REASON, '')}`
  const ran = new Set(outcomes.filter(({ isSkipped }) => !isSkipped).map(idOf))
  const skipped = new Map(
    outcomes.filter((it) => it.isSkipped && !ran.has(idOf(it))).map((it) => [idOf(it), it]),
  )
  if (skipped.size === 0) return 'skipped: nothing'
  const files = Map.groupBy(skipped.values(), ({ file }) => file)
  const parts = [...files].map(([file, tests]) => {
    const reasons = new Set(tests.flatMap(({ name }) => REASON.exec(name)?.[1] ?? []))
    // Without a reason, the name says what is missing here.
    const why = reasons.size > 0 ? [...reasons].join(', ') : (tests[0]?.name ?? '')
    return `${file.replace(/\.test\.ts$/, '')} (${tests.length}: ${why})`
  })
  return `skipped: ${skipped.size} tests: ${parts.join('; ')}`.replace(/\s+/g, ' ')
}
