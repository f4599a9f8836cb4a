import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { app, TestCluster } from '../test/harness.ts'
import { until } from '../../testing/until.ts'

const STUBBORN = ['sh', '-c', 'trap "" TERM; sleep 1000 & sleep 1000']
const stubborn = () => app('api', { container: { command: STUBBORN, readinessProbe: undefined, ports: [] } })
const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')

test('a stop leaves no process and no file', async () => {
  const cluster = await TestCluster.start({ 'api.json': stubborn() })
  const [pod] = await cluster.ready('shop', 'api')
  const pid = pod?.containers[0]?.pid as number
  expect(isRunning(pid)).toBe(true)
  await cluster.cluster.stop(300)
  expect(isRunning(pid)).toBe(false)
  expect(existsSync(cluster.cluster.runFolder)).toBe(false)
  await cluster.stop()
})

test('a kill leaves no process and no file either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-test-'))
  writeFileSync(
    join(folder, 'api.json'),
    stubborn()
      .map((object) => JSON.stringify(object))
      .join('\n---\n'),
  )
  const child = spawn(process.execPath, [join(import.meta.dirname, '../test/orphan.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { pids, runFolder } = JSON.parse(String(line)) as { pids: number[]; runFolder: string }
    const group = (): string[] =>
      readdirSync('/proc').filter((name) => /^\d+$/.test(name) && groupOf(name) === pids[0])
    // The shell exists before the process that it starts.
    await until(() => group().length === 3, 'the processes of the pod')
    const children = group()
    child.kill('SIGKILL')
    await until(() => !children.some((pid) => isRunning(Number(pid))), 'the end of all')
    await until(() => !existsSync(runFolder), 'the end of its folder')
    expect(children.filter((pid) => isRunning(Number(pid)))).toEqual([])
  } finally {
    // A remaining one would keep the test's own process running.
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

function groupOf(pid: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2])
  } catch {
    return undefined
  }
}
