// `begin` makes the parts of `npm test` record what they skip. `end` says it in one line.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { RECORD } from './record.ts'
import { type Outcome, summaryOf } from './summary.ts'

if (process.argv[2] === 'begin') {
  mkdirSync(dirname(RECORD), { recursive: true })
  writeFileSync(RECORD, '')
} else {
  const lines = readFileSync(RECORD, 'utf8').split('\n').filter(Boolean)
  process.stdout.write(`${summaryOf(lines.map((line) => JSON.parse(line) as Outcome))}\n`)
  rmSync(RECORD)
}
