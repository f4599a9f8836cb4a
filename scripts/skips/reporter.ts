import { appendFileSync, existsSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { RECORD } from './record.ts'
import type { Outcome } from './summary.ts'

/** Records what each test of a run of `npm test` did, in addition to what other reporters print. Prints nothing. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    // Only between the begin and the end of `npm test`.
    if (!existsSync(RECORD)) return
    const outcomes = modules.flatMap((module) =>
      [...module.children.allTests()].map((test): Outcome => {
        const file = relative(process.cwd(), module.moduleId)
        return { file, name: test.fullName, isSkipped: test.result().state === 'skipped' }
      }),
    )
    appendFileSync(RECORD, outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(''))
  }
}
