import type { Outage } from './killer.ts'
import { CARRIERS, type EnvironmentName, PATHS } from './manifests.ts'
import type { Ended } from './visitor.ts'

/** An event that an app recorded. */
export interface Recorded {
  readonly event: 'begin' | 'run' | 'end' | 'left'
  readonly service: string
  readonly environment: string
  readonly id: string
}

/** The result of a campaign. All lists except `excused` and `sentences` must be empty. */
export interface Verdict {
  readonly requests: number
  /** Requests that a wrong version received, or whose response has wrong content. */
  readonly wrong: string[]
  readonly hung: string[]
  /** Requests with a body that ran more than once. */
  readonly twice: string[]
  /** Requests that failed although every process on their path was running. */
  readonly unexcused: string[]
  /** Requests that failed without a sentence that states the reason. */
  readonly unexplained: string[]
  /** Requests that failed while a process on their path was down, by process. */
  readonly excused: Map<string, number>
  /** The sentences of failures, without identifiers, and how often each occurred. */
  readonly sentences: Map<string, number>
}

/** Compares what visitors received with what apps recorded and which processes were down. Pure. */
export function judge(
  ended: readonly Ended[],
  recorded: readonly Recorded[],
  outages: readonly Outage[],
): Verdict {
  const verdict: Verdict = {
    requests: ended.length,
    wrong: [],
    hung: [],
    twice: [],
    unexcused: [],
    unexplained: [],
    excused: new Map(),
    sentences: new Map(),
  }
  const events = Map.groupBy(recorded, ({ id }) => id)
  for (const request of ended) {
    const own = events.get(request.id) ?? []
    judgeRuns(
      request,
      own.filter(({ event }) => event === 'run'),
      verdict,
    )
    judgeOutcome(request, outages, verdict)
    if (request.outcome.type === 'hung') {
      const before = ended.find(({ id }) => id === idBefore(request.id))
      const told = own.map(({ event, service }) => `${service} ${event}`).join(', ')
      verdict.hung.push(
        `${nameOf(request)}: ${request.outcome.state}; after ${before?.kind ?? 'nothing'}; apps: ${told || 'none'}${nearest(request, outages)}`,
      )
    }
  }
  return verdict
}

/** `front` only forwards, so the records of `back` count. */
function judgeRuns(
  { id, kind, environment, outcome }: Ended,
  runs: readonly Recorded[],
  verdict: Verdict,
): void {
  const wanted = PATHS[environment].split(' ').at(-1)
  for (const run of runs) {
    const where = `${run.service}@${run.environment}`
    if (where !== wanted) verdict.wrong.push(`${kind} ${id} of ${environment} ran at ${where}`)
  }
  const isSafe = kind === 'get' || kind === 'stream' || kind === 'leave'
  if (!isSafe && runs.length > 1)
    verdict.twice.push(`${kind} ${id} of ${environment} ran ${runs.length} times`)
  if (outcome.type === 'answered' && outcome.status < 300 && runs.length === 0) {
    verdict.wrong.push(`${kind} ${id} of ${environment} was answered ${outcome.status} and never ran`)
  }
}

/** Returns the previous request of the same visitor: `v3-7` for `v3-8`. */
const idBefore = (id: string): string => id.replace(/\d+$/, (index) => String(Number(index) - 1))

const nameOf = ({ id, kind, environment }: Ended): string => `${kind} ${id} of ${environment}`

const STATUSES: Readonly<Partial<Record<Ended['kind'], number>>> = { refuse: 413, accept: 202 }

function judgeOutcome(request: Ended, outages: readonly Outage[], verdict: Verdict): void {
  const { kind, environment, outcome } = request
  const name = nameOf(request)
  if (outcome.type === 'left' || outcome.type === 'hung') return
  if (outcome.type === 'answered' && outcome.status === (STATUSES[kind] ?? 200)) {
    if (outcome.path !== PATHS[environment]) verdict.wrong.push(`${name} took ${outcome.path}`)
    return
  }
  const sentence = sentenceOf(outcome)
  if (sentence === undefined) verdict.unexplained.push(`${name}: ${JSON.stringify(outcome)}`)
  else count(verdict.sentences, sentence)
  const down = outages.find((outage) => carries(outage, environment) && overlaps(outage, request))
  if (down === undefined)
    verdict.unexcused.push(`${name}: ${sentence ?? JSON.stringify(outcome)}${nearest(request, outages)}`)
  else count(verdict.excused, `${down.what} (${down.container}, ${down.signal})`)
}

/** Reports whether the path of an environment's requests includes the process that was down. */
const carries = ({ what }: Outage, environment: EnvironmentName): boolean =>
  what === 'relay' || what === 'manager' || CARRIERS[environment].includes(what)

/** The death of a manager fails the requests that it carries. Later requests use the other manager. */
const NOTICE_MS = 250

function overlaps({ what, fromMs, toMs }: Outage, { startMs, endMs }: Ended): boolean {
  return endMs >= fromMs && startMs <= (what === 'manager' ? fromMs + NOTICE_MS : toMs)
}

function nearest({ startMs, endMs }: Ended, outages: readonly Outage[]): string {
  const last = outages.findLast(({ fromMs }) => fromMs <= endMs)
  if (last === undefined) return ' (no process had been down)'
  const after = Math.round(startMs - last.fromMs)
  return ` (began ${after} ms after ${last.signal} to ${last.what} ${last.container}, took ${Math.round(endMs - startMs)} ms)`
}

/** Returns why a request failed, in words that do not depend on the request. */
function sentenceOf(outcome: Ended['outcome']): string | undefined {
  if (outcome.type === 'broken') return `the connection broke: ${outcome.reason}`
  if (outcome.type !== 'answered') return undefined
  const said = detailOf(outcome.body).trim()
  return said === '' ? undefined : `${outcome.status} ${said.replaceAll(/\d[\d.:TZ-]*/g, 'N').slice(0, 200)}`
}

/** Returns the detail of a problem (RFC 9457), or the text itself. */
function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown }
    return typeof detail === 'string' ? detail : body
  } catch {
    return body
  }
}

const count = (counts: Map<string, number>, name: string): void =>
  void counts.set(name, (counts.get(name) ?? 0) + 1)
