import { CliError } from '../platform/errors.ts'
import { check, checkReport, checkText } from './check.ts'
import { type ClusterCheckOptions, runClusterCheck } from './check-cluster.ts'
import { readStdin } from './stdin.ts'

export interface CheckOptions extends Omit<ClusterCheckOptions, 'isPre'> {
  readonly pre?: boolean
  readonly cluster?: boolean
}

/** Runs `branchline check`: manifests, or a cluster. Resolves with what to print and the exit code. */
export async function runCheck(
  path: string | undefined,
  { pre, cluster, ...options }: CheckOptions,
  version: string,
): Promise<{ text: string; exitCode: number }> {
  const chosen = [path, pre, cluster].filter((one) => one !== undefined)
  if (chosen.length !== 1) {
    const what = chosen.length === 0 ? 'nothing to check' : 'one check at a time'
    throw new CliError('BL_USAGE', `${what}: name a folder or a file, or use --pre or --cluster`)
  }
  if (path !== undefined) {
    const { output, ...others } = options
    const [other] = Object.keys(others)
    if (other !== undefined) {
      throw new CliError('BL_USAGE', `--${other} is only for --pre and --cluster: remove it`)
    }
    return checkReport(path === '-' ? checkText('stdin', await readStdin()) : await check(path), output)
  }
  return await runClusterCheck({ ...options, isPre: pre === true }, version)
}
