import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { freePort } from '../testing/ports.ts'
import { missingProgram } from '../testing/program.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

const missing = missingProgram('prometheus', 'prometheus')
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`

const clientOf = ({ apiPort, ownerKey }: RunningRelay): Client =>
  createClient({ url: `http://127.0.0.1:${apiPort}`, key: ownerKey })

const scrape = async ({ adminPort }: RunningRelay): Promise<string> =>
  (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()

/** The problems that promtool finds in metrics. */
function lint(text: string): string {
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  return stdout + stderr
}

test('a relay in use has metrics of both roles, and no metric twice', async () => {
  const { endpoint } = await appFor((_request, response) => response.end('hello'))
  const relay = await relayFor()
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
  expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).status).toBe(200)
  expect((await visit(relay.httpPort, { host: 'nothing.localhost' })).status).toBe(404)
  const denied = await fetch(`http://127.0.0.1:${relay.apiPort}/api/v1/circuits`, {
    headers: { authorization: 'Bearer blk_wrong' },
  })
  expect(denied.status).toBe(401)
  await until(async () => (await scrape(relay)).includes('coordinator_circuits{status="healthy"} 1\n'))
  const text = await scrape(relay)
  for (const line of [
    'branchline_relay_requests_total{cluster="dev",kind="preview",code="2xx"} 1',
    'branchline_relay_requests_total{cluster="",kind="none",code="4xx"} 1',
    'branchline_relay_replies_total{reason="unknown-host"} 1',
    'branchline_relay_circuits{status="healthy"} 1',
    'branchline_relay_coordinator_connected 1',
    'branchline_relay_circuit_requests_total{circuit="preview/web--alice",code="2xx"} 1',
    'branchline_coordinator_leads 1',
    'branchline_coordinator_database_up 1',
    'branchline_coordinator_api_requests_total{operation="listCircuits",code="401"} 1',
    'branchline_coordinator_api_failed_authentications_total 1',
    'branchline_coordinator_workers{state="ready"} 1',
    'branchline_coordinator_worker_lag_epochs{worker="test",group="default"} 0',
  ])
    expect(text).toContain(`${line}\n`)
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  expect(missing === undefined ? lint(text) : '').toBe('')
})

test('circuits have no metrics of their own if the setting says so', async () => {
  const { endpoint } = await appFor((_request, response) => response.end('hello'))
  const relay = await relayFor({ BRANCHLINE_CIRCUIT_SERIES: '0' })
  await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
  expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).status).toBe(200)
  const text = await scrape(relay)
  expect(text).not.toContain('branchline_relay_circuit_')
  expect(text).toContain('kind="preview",code="2xx"} 1\n')
})

interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>
  readonly health: string
  readonly lastError: string
}

/** A Prometheus that finds its targets with an API key. Returns its URL. */
async function prometheusFor(sd: string, key: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-prometheus-'))
  later(() => removeFolder(folder))
  // Prometheus 2.42 sends no scheme with the credentials of http_sd_configs unless the configuration names it.
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [
      {
        job_name: 'branchline-relay',
        http_sd_configs: [
          { url: sd, refresh_interval: '1s', authorization: { type: 'Bearer', credentials: key } },
        ],
      },
    ],
  }
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const port = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  later(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return `http://127.0.0.1:${port}`
}

async function ask<T>(url: string): Promise<T | undefined> {
  const response = await fetch(url).catch(() => undefined)
  return response?.ok === true ? ((await response.json()) as { data: T }).data : undefined
}

test.skipIf(missing !== undefined)(
  `a real Prometheus finds a coordinator and a worker at /sd, and scrapes both${skipped}`,
  async () => {
    const coordinator = await relayFor({ BRANCHLINE_ROLE: 'coordinator' })
    const client = clientOf(coordinator)
    const { secret: joinToken } = await client.createJoinToken({ body: { name: 'w', group: 'default' } })
    const api = `http://127.0.0.1:${coordinator.apiPort}`
    await relayFor({
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_COORDINATORS: api,
      BRANCHLINE_JOIN_TOKEN: joinToken,
    })
    const { secret: key } = await client.createKey({ body: { name: 'prometheus', scopes: ['metrics:read'] } })
    const url = await prometheusFor(`${api}/sd`, key)
    const up = await until(async () => {
      const found = await ask<{ activeTargets: ActiveTarget[] }>(`${url}/api/v1/targets`)
      const targets = found?.activeTargets ?? []
      return targets.length === 2 && targets.every(({ health }) => health === 'up') && targets
    })
    expect(up.map(({ labels }) => [labels['job'], labels['worker']])).toEqual(
      expect.arrayContaining([
        ['branchline-coordinator', undefined],
        ['branchline-worker', 'test'],
      ]),
    )
    const series = (name: string): Promise<number | undefined> =>
      ask<{ result: unknown[] }>(`${url}/api/v1/query?query=${name}`).then((data) => data?.result.length)
    expect(await until(() => series('branchline_relay_coordinator_connected'))).toBe(1)
    expect(await until(() => series('branchline_coordinator_leads'))).toBe(1)
  },
)
