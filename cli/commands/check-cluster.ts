import { clusterChecks, preChecks } from '../check/cluster-checks.ts'
import { clusterFacts } from '../check/cluster-facts.ts'
import { clusterReport } from '../check/cluster-report.ts'
import { INSTALL_RIGHTS, USER_RIGHTS } from '../check/cluster-rights.ts'
import { terminal } from '../output/terminal.ts'

export interface ClusterCheckOptions {
  /** Before an installation, instead of after it. */
  readonly isPre: boolean
  readonly context?: string
  readonly kubeconfig?: string
  /** With `isPre`: a namespace in which apps will run. Default: `default`. */
  readonly namespace?: string
  /** With `isPre`: the domain of the preview URLs. */
  readonly domain?: string
  readonly output?: 'json'
}

/** Runs `branchline check --pre` and `--cluster`. Resolves with what to print and the exit code. */
export async function runClusterCheck(
  options: ClusterCheckOptions,
  version: string,
): Promise<{ text: string; exitCode: number }> {
  const { isPre, namespace, domain, output } = options
  const { ClusterTarget } = await import('../target/cluster.ts')
  const target = ClusterTarget.open(options)
  const facts = await clusterFacts(target, {
    rights: isPre ? INSTALL_RIGHTS : USER_RIGHTS,
    ...(isPre
      ? { namespaces: [namespace ?? 'default'] }
      : namespace !== undefined && { namespaces: [namespace] }),
    ...(domain !== undefined && { domain }),
  })
  const results = isPre ? preChecks(facts) : clusterChecks(facts, version, Date.now())
  const report = clusterReport(results, terminal())
  if (output !== 'json') return report
  return { ...report, text: `${JSON.stringify({ target: target.name, checks: results }, undefined, 2)}\n` }
}
