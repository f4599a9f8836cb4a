import { resolve } from 'node:path'
import { findRuns, type FoundRun } from '@branchline/runtime/local/runs'
import { CliError } from '../platform/errors.ts'
import { LocalTarget, runName } from './local.ts'
import type { Target } from './target.ts'

/** The options by which a user names a target. */
export interface TargetOptions {
  /** A context of the kubeconfig. */
  readonly context?: string
  /** The path of a kubeconfig. */
  readonly kubeconfig?: string
  /** One of several running `up`s: its port, its process or its folder. */
  readonly up?: string
}

/** Where to find a target, before anything is opened. */
export type Choice =
  | { readonly type: 'up'; readonly run: FoundRun }
  | { readonly type: 'cluster'; readonly context?: string; readonly kubeconfig?: string }

/**
 * Chooses a target: the cluster that the options name, otherwise the only running `up`. Throws a {@link CliError} that
 * lists the choices if that is not clear.
 */
export function chooseTarget(options: TargetOptions, runs: readonly FoundRun[]): Choice {
  const { context, kubeconfig, up } = options
  if (context !== undefined || kubeconfig !== undefined) {
    if (up === undefined)
      return {
        type: 'cluster',
        ...(context !== undefined && { context }),
        ...(kubeconfig !== undefined && { kubeconfig }),
      }
    const other = context === undefined ? '--kubeconfig' : '--context'
    throw new CliError('BL_TARGET', `--up and ${other} name two targets: remove one of them`)
  }
  const found = up === undefined ? runs : runs.filter((run) => isRun(run, up))
  const [first, second] = found
  if (first === undefined) throw new CliError('BL_TARGET', noRun(up, runs))
  if (second === undefined) return { type: 'up', run: first }
  throw new CliError(
    'BL_TARGET',
    `${found.length} are running: choose one with --up PORT, or a cluster with --context\n${list(found)}`,
  )
}

/** Opens the target that the options name. The client library is loaded only for a cluster. */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const choice = chooseTarget(options, findRuns())
  if (choice.type === 'up') return new LocalTarget(choice.run)
  const { ClusterTarget } = await import('./cluster.ts')
  return ClusterTarget.open(choice)
}

const isRun = ({ ports, pid, folder }: FoundRun, wanted: string): boolean =>
  ports.some((port) => String(port) === wanted) || String(pid) === wanted || folder === resolve(wanted)

function noRun(up: string | undefined, runs: readonly FoundRun[]): string {
  if (runs.length === 0) {
    const start = 'start one with branchline up FOLDER, or name a cluster with --context or --kubeconfig'
    return up === undefined
      ? `no branchline up is running: ${start}`
      : `no branchline up is running, so --up ${up} finds none: ${start}`
  }
  return `--up is ${up}, but these are running:\n${list(runs)}`
}

const list = (runs: readonly FoundRun[]): string => runs.map((run) => `  ${runName(run)}`).join('\n')
