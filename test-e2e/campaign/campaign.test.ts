import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '@branchline/runtime/http1/campaign/random'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embedded } from '../harness/embedded.ts'
import type { Running } from '../harness/target.ts'
import { note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'
import { judge, type Recorded } from './judge.ts'
import { Killer } from './killer.ts'
import { type EnvironmentName, ENVIRONMENTS, manifests, PATHS } from './manifests.ts'
import { type Ended, visitOnce } from './visitor.ts'

/**
 * Kills and stops processes of every kind under load: relay, managers, sidecars, apps. No wrong version receives a
 * request, no request hangs, no POST runs twice, and a request fails only while a process on its path is down.
 * `npm run test:slow` runs it for ten minutes. BRANCHLINE_CAMPAIGN_MS sets another time, and BRANCHLINE_CAMPAIGN_SEED
 * repeats a campaign.
 */
const SLOW = process.env['BRANCHLINE_SLOW'] === '1'
const CAMPAIGN_MS = Number(process.env['BRANCHLINE_CAMPAIGN_MS'] ?? (SLOW ? 600_000 : 20_000))
const SEED = Number(process.env['BRANCHLINE_CAMPAIGN_SEED'] ?? Date.now() % 1_000_000)
const VISITORS = 12
const PAUSE_MS = 60
const READY_TIMEOUT_MS = 90_000
/** How long abandoned requests may still run in apps, in milliseconds: `deadline` takes 1 s, `leave` 2 s. */
const SETTLE_TIMEOUT_MS = 30_000

const folder = temporaryFolder('campaign')
const record = temporaryFolder('campaign-record')
let platform: Running
let port = 0

beforeAll(async () => {
  for (const [name, text] of Object.entries(manifests(record))) writeFileSync(join(folder, name), text)
  platform = await embedded.start(folder, { managers: 2 })
  for (const name of Object.keys(ENVIRONMENTS)) {
    port = Number(new URL(await platform.previewUrl(name, 'front', READY_TIMEOUT_MS)).port)
  }
  // A preview of alice does not wait for her override of another service, which her base serves until it is ready.
  for (const name of Object.keys(PATHS) as EnvironmentName[]) {
    const isWhole = async (): Promise<void> => expect(await pathOf(name)).toBe(PATHS[name])
    await until(`the path of ${name}`, isWhole, READY_TIMEOUT_MS)
  }
}, READY_TIMEOUT_MS * 2)
afterAll(async () => {
  await platform.stop()
  for (const path of [folder, record]) rmSync(path, { recursive: true, force: true })
})

/** The services that a request of an environment takes. */
async function pathOf(environment: EnvironmentName): Promise<string> {
  const headers = { host: `front--${environment}.localhost` }
  const request = http.get({ host: '127.0.0.1', port, headers, path: '/?id=warm&mode=plain', agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  await once(response, 'end')
  return String(response.headers['x-campaign'] ?? '').trim()
}

async function visitor(name: number, random: Random, untilMs: number, ended: Ended[]): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  for (let index = 0; performance.now() < untilMs; index++) {
    ended.push(await visitOnce(`v${name}-${index}`, random, port, agent))
    await delay(random.below(PAUSE_MS))
  }
  agent.destroy()
}

function recorded(): Recorded[] {
  return readdirSync(record).flatMap((file) =>
    readFileSync(join(record, file), 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [event, service, environment, id] = line.split(' ')
        return id === undefined ? [] : { event, service, environment, id, file }
      }),
  ) as Recorded[]
}

test(
  'processes die under load, and requests keep their promises',
  { timeout: CAMPAIGN_MS + 180_000 },
  async () => {
    note(`seed ${SEED}, ${CAMPAIGN_MS / 1000} s`)
    const untilMs = performance.now() + CAMPAIGN_MS
    const killer = new Killer(platform, new Random(SEED))
    const ended: Ended[] = []
    const visitors = Array.from({ length: VISITORS }, (_, name) =>
      visitor(name, new Random(SEED + 1 + name), untilMs, ended),
    )
    await Promise.all([killer.run(untilMs - 5_000), ...visitors])
    const verdict = judge(ended, recorded(), killer.outages)
    const { excused, sentences, requests, ...faults } = verdict
    const failed = [...excused.values()].reduce((sum, count) => sum + count, 0)
    note(
      `${requests} requests, ${killer.outages.length} kills and stops, ${failed} failed while their carrier was down`,
    )
    for (const [name, times] of excused) note(`  ${times} by ${name}`)
    for (const [sentence, times] of sentences) note(`  ${times} × ${sentence}`)
    if (Object.values(faults).some((list) => list.length > 0)) note(await platform.describe())
    expect(faults).toEqual({ wrong: [], hung: [], twice: [], unexcused: [], unexplained: [] })
    expect(requests).toBeGreaterThan(0)
    // Apps learn that visitors have left, and stop.
    await expect.poll(unfinished, { timeout: SETTLE_TIMEOUT_MS, interval: 100 }).toEqual([])
  },
)

/** Returns requests that began in an app that still runs, and did not end there. */
function unfinished(): string[] {
  const running = new Set(readdirSync('/proc'))
  const open = new Set<string>()
  for (const { event, service, environment, id, file } of recorded() as (Recorded & { file: string })[]) {
    if (!running.has(file.split('.').at(-1) ?? '')) continue
    const name = `${service}@${environment} ${id}`
    if (event === 'begin') open.add(name)
    if (event === 'end' || event === 'left') open.delete(name)
  }
  return [...open]
}
