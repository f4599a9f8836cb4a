import { statSync } from 'node:fs'
import type { Method, OutsideHost } from '@branchline/runtime/local/network/network'
import { describeProblem, type LogLine } from '@branchline/runtime/local/types'
import { printable, printableLine, printableLog } from '@branchline/runtime/local/printable'
import type { Platform, PlatformEvent } from '../platform/platform.ts'
import { Screen } from '../platform/screen.ts'
import { environmentTable, summaryLine } from '../platform/table.ts'
import { terminal } from '../output/terminal.ts'
import { up } from './up.ts'

const EXIT_USAGE = 64
const EXIT_FAILED = 1
/** How long changes are collected before the table is redrawn, in milliseconds. */
const DRAW_EVERY_MS = 80

/** Options of the command. */
export interface RunUpOptions {
  readonly folder: string
  readonly port: number
  readonly domain: string
  readonly hosts: boolean
  readonly network?: Method | undefined
  readonly egress?: readonly OutsideHost[]
  /** The beginning of the names of pods whose output is printed, or `all`. */
  readonly logs?: string
  /** What a user may try once everything is ready, one line each. Default: nothing. */
  readonly tryNext?: (platform: Platform) => readonly string[]
}

/**
 * Runs `branchline up`: starts the platform and shows it until SIGINT or SIGTERM. Resolves with the exit code when no
 * process and no file of the platform remains.
 */
export async function runUp(options: RunUpOptions): Promise<number> {
  const screen = new Screen(process.stdout)
  if (statSync(options.folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    process.stderr.write(
      `${printableLine(options.folder)} is not a folder: name the folder of the manifests to run\n`,
    )
    return EXIT_USAGE
  }
  const startedAt = performance.now()
  const stopping = new AbortController()
  const signal = nextSignal().then(() => stopping.abort())
  let platform: Platform | undefined
  const show = drawing(screen, options)
  const draw = throttled(() => {
    if (platform !== undefined) show(platform)
  })
  const onEvent = (event: PlatformEvent): void => {
    tell(event, options.logs, screen)
    draw()
  }
  screen.line(
    `branchline: ${printableLine(options.folder)} on this machine, for development and tests; use Kubernetes for production`,
  )
  try {
    const running = await up({ ...options, onEvent, signal: stopping.signal })
    platform = running
    screen.line(summaryLine(running, performance.now() - startedAt))
    draw()
    await signal
    platform = undefined
    screen.end()
    await running.stop()
    return 0
  } catch (error) {
    screen.end()
    if (stopping.signal.aborted) return 0
    process.stderr.write(`${printable((error as Error).message)}\n`)
    return EXIT_FAILED
  }
}

/** Draws the environments, and once all are ready, what to try next. Without a terminal, the latter is printed once. */
function drawing(screen: Screen, { tryNext }: RunUpOptions): (platform: Platform) => void {
  let isTold = false
  return (platform) => {
    const environments = platform.environments()
    const isReady = environments.every((one) => one.ready && one.previews.every(({ ready }) => ready))
    const steps = isReady && environments.length > 0 ? (tryNext?.(platform) ?? []) : []
    const text = steps.length === 0 ? '' : `\nTry next:\n${steps.map((step) => `  ${step}`).join('\n')}`
    screen.draw([environmentTable(environments, terminal()), text].filter((part) => part !== '').join('\n'))
    if (screen.isLive || isTold || text === '') return
    isTold = true
    screen.line(text)
  }
}

function tell(event: PlatformEvent, logs: string | undefined, screen: Screen): void {
  if (event.type === 'notice') screen.line(printableLine(event.text))
  if (event.type === 'problem') screen.line(printableLine(`! ${describeProblem(event.problem)}`))
  if (event.type === 'solved') screen.line(printableLine(`solved: ${describeProblem(event.problem)}`))
  if (event.type === 'log' && isWanted(event.line, logs)) {
    const { namespace, pod, container, text } = event.line
    screen.line(`${namespace}/${pod} ${container} | ${printableLog(text)}`)
  }
  // The table of a live screen shows both.
  if (screen.isLive) return
  if (event.type === 'environment') {
    const { name, ready, message } = event.environment
    screen.line(printableLine(ready ? `ready ${name}` : `not ready ${name}: ${message}`))
  }
  if (event.type === 'preview') {
    const { environment, name, url, ready, message } = event.preview
    const line = ready
      ? `ready ${environment} ${name} ${url}`
      : `not ready ${environment} ${name}: ${message}`
    screen.line(printableLine(line))
  }
}

const isWanted = ({ pod, namespace }: LogLine, logs: string | undefined): boolean =>
  logs !== undefined && (logs === 'all' || pod.startsWith(logs) || `${namespace}/${pod}`.startsWith(logs))

/** Resolves at the first signal to stop. A second signal ends the process immediately. */
const nextSignal = (): Promise<undefined> =>
  new Promise((resolve) => {
    const end = (): void => {
      resolve(undefined)
      // The platform's processes end with this process.
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(EXIT_FAILED))
    }
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end)
  })

function throttled(action: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined
      action()
    }, DRAW_EVERY_MS)
  }
}
