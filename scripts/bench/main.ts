import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { circuits } from './circuits/report.ts'
import { control } from './control/report.ts'
import { hop } from './http/report.ts'
import { http2 } from './http2/report.ts'
import { idle } from './idle.ts'
import { describeMachine } from './machine.ts'
import { pairs } from './pairs.ts'
import { relay } from './relay/report.ts'
import { start } from './start.ts'
import { tcp, websocket } from './stream/report.ts'
import { table } from './table.ts'
import { tunnel } from './tunnel/report.ts'
import type { Benchmark } from './verdict.ts'

const BENCHMARKS: Record<string, Benchmark> = {
  hop,
  http2,
  websocket,
  tcp,
  tunnel,
  relay,
  table,
  idle,
  start,
  circuits,
  control,
  pairs,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: 'string' },
    json: { type: 'string' },
    only: { type: 'string' },
    seconds: { type: 'string', default: '8' },
    runs: { type: 'string', default: '3' },
    websockets: { type: 'string', default: '2000' },
  },
})
/** `pairs` only compares two checkouts. */
const all = Object.keys(BENCHMARKS).filter((name) => name !== 'pairs' || values.against !== undefined)
const names = positionals.length === 0 ? all : positionals
const unknown = names.filter((name) => BENCHMARKS[name] === undefined)
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exit(64)
}
const machine = describeMachine()
console.log(machine.line)
const results: Record<string, unknown> = { machine }
for (const name of names) {
  console.log(`\n${name}`)
  results[name] = await BENCHMARKS[name]?.({
    seconds: Number(values.seconds),
    runs: Number(values.runs),
    websockets: Number(values.websockets),
    only: values.only,
    against: values.against,
  })
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`)
