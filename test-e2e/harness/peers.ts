import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { chromium } from 'playwright-core'

const run = promisify(execFile)
const FOLDER = join(import.meta.dirname, '../peers')
const TIMEOUT_MS = 60_000
const BODY = Buffer.from('branchline'.repeat(20_000))

/** What a client does. `reuse` requests all hosts on one connection. `leave` stops a download and sends another request. */
const CASES = ['get', 'post', 'chunked', 'expect', 'reuse', 'refuse', 'large', 'leave'] as const
type Case = (typeof CASES)[number]

/** What a client received. */
export interface Got {
  readonly status: number
  readonly bytes: number
  readonly sha256: string
}

/** A client in another language or program, or why this machine does not have it. */
export interface Peer {
  readonly name: string
  readonly missing?: string
  readonly cases: readonly Case[]
  /** Runs a case once per host, at an address such as `http://127.0.0.1:8080`. */
  readonly visit: (one: Case, base: string, hosts: readonly string[]) => Promise<Got[]>
}

const PROGRAM_CASES = CASES.filter((one) => one !== 'expect')

/** Returns the clients of this machine. */
export async function findPeers(): Promise<Peer[]> {
  return [...(await Promise.all([findCurl(), findRequests(), findGo()])), findBrowser()]
}

async function lines(file: string, args: readonly string[]): Promise<Got[]> {
  const { stdout } = await run(file, args, { timeout: TIMEOUT_MS })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Got)
}

async function missing(file: string, args: readonly string[]): Promise<{ missing?: string }> {
  try {
    await run(file, args, { timeout: TIMEOUT_MS })
    return {}
  } catch (error) {
    return { missing: (error as Error).message.split('\n', 1)[0] ?? '' }
  }
}

async function findRequests(): Promise<Peer> {
  return {
    name: 'python-requests',
    ...(await missing('python3', ['-c', 'import requests'])),
    cases: PROGRAM_CASES,
    visit: (one, base, hosts) => lines('python3', [join(FOLDER, 'client.py'), one, base, ...hosts]),
  }
}

async function findGo(): Promise<Peer> {
  const folder = temporaryFolder('go')
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const binary = join(folder, 'client')
  return {
    name: "Go's net/http",
    ...(await missing('go', ['build', '-C', join(FOLDER, 'go'), '-o', binary, '.'])),
    cases: PROGRAM_CASES,
    visit: (one, base, hosts) => lines(binary, [one, base, ...hosts]),
  }
}

const CURL: Readonly<Record<Exclude<Case, 'leave'>, { path: string; args: readonly string[] }>> = {
  get: { path: '/', args: [] },
  reuse: { path: '/', args: [] },
  post: { path: '/', args: ['--data-binary', '@BODY', '-H', 'Expect:'] },
  chunked: {
    path: '/',
    args: ['--data-binary', '@BODY', '-H', 'Transfer-Encoding: chunked', '-H', 'Expect:'],
  },
  expect: { path: '/', args: ['--data-binary', '@BODY', '-H', 'Expect: 100-continue'] },
  refuse: { path: '/refuse', args: ['--data-binary', '@BODY', '-H', 'Expect:'] },
  large: { path: '/large?bytes=8000000', args: [] },
}

async function findCurl(): Promise<Peer> {
  return {
    name: 'curl',
    ...(await missing('curl', ['--version'])),
    cases: CASES.filter((one) => one !== 'leave'),
    visit: (one, base, hosts) => curl(one as Exclude<Case, 'leave'>, base, hosts),
  }
}

/** Runs one curl for all hosts, which keeps its connection. */
async function curl(one: Exclude<Case, 'leave'>, base: string, hosts: readonly string[]): Promise<Got[]> {
  const folder = temporaryFolder('curl')
  try {
    writeFileSync(join(folder, 'body'), BODY)
    const { path, args } = CURL[one]
    const own = args.map((arg) => arg.replace('BODY', join(folder, 'body')))
    const options = ['-sS', '--noproxy', '*', '--max-time', '30', '-w', '%{http_code} %{num_connects}\n']
    const all = hosts.flatMap((host, index) => [
      ...(index === 0 ? [] : ['--next']),
      ...options,
      '-H',
      host === '' ? `Host: ${new URL(base).host}` : `Host: ${host}`,
      '-o',
      join(folder, `${index}`),
      ...own,
      base + path,
    ])
    const { stdout } = await run('curl', all, { timeout: TIMEOUT_MS })
    const said = stdout.trim().split('\n')
    if (one === 'reuse' && said.slice(1).some((line) => !line.endsWith(' 0'))) {
      throw new Error(`curl opened another connection: ${said.join(', ')}`)
    }
    return await Promise.all(
      said.map((line, index) => got(Number(line.split(' ')[0]), join(folder, `${index}`))),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function got(status: number, file: string): Promise<Got> {
  const content = await readFile(file)
  return { status, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

const BROWSER = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

function findBrowser(): Peer {
  return {
    name: 'Chromium',
    ...(existsSync(BROWSER) ? {} : { missing: `there is no browser at ${BROWSER}` }),
    cases: ['get', 'post', 'reuse', 'large', 'leave'],
    visit: browse,
  }
}

const BROWSER_PATHS: Readonly<Partial<Record<Case, string>>> = { large: '/large?bytes=8000000' }

/** Opens a page of each host, because a browser does not send the Host of another page. */
async function browse(one: Case, base: string, hosts: readonly string[]): Promise<Got[]> {
  const browser = await chromium.launch({
    executablePath: BROWSER,
    args: ['--no-sandbox', '--no-proxy-server'],
  })
  try {
    const page = await browser.newPage()
    const all: Got[] = []
    for (const host of hosts) {
      await page.goto(host === '' ? `${base}/` : `http://${host}:${new URL(base).port}/`)
      const wanted = {
        path: BROWSER_PATHS[one] ?? '/',
        body: one === 'post' ? BODY.toString() : undefined,
        leaves: one === 'leave',
      }
      all.push(await page.evaluate<Got>(`(${ask.toString()})(${JSON.stringify(wanted)})`))
    }
    return all
  } finally {
    await browser.close()
  }
}

/** Runs in the page. A page over plain HTTP has no digest function, so the text of a response replaces the digest. */
async function ask(wanted: { path: string; body?: string; leaves: boolean }): Promise<unknown> {
  if (wanted.leaves) {
    const abort = new AbortController()
    const left = await fetch('/large?bytes=80000000', { signal: abort.signal })
    await left.body?.getReader().read()
    abort.abort()
  }
  const response = await fetch(
    wanted.path,
    wanted.body === undefined ? {} : { method: 'POST', body: wanted.body },
  )
  const text = await response.text()
  return { status: response.status, bytes: text.length, sha256: text.slice(0, 300) }
}
