import { Environment, Preview, Workload } from '@branchline/cdk8s'
import type { App } from 'cdk8s'
import { credentials } from './credentials.ts'
import { api, web, worker } from './workloads.ts'

/** Options of a branch of the shop. */
export interface BranchProps {
  readonly base: string
  /** The namespaces above, nearest first. Default: the base's, and the baseline's. */
  readonly above?: readonly string[]
  /** The services that the branch overrides, with their versions. Default: none. */
  readonly overrides?: { readonly web?: string; readonly api?: string; readonly worker?: string }
  /** The services that have a preview. Default: web. */
  readonly previews?: readonly string[]
  readonly onUnavailable?: 'baseline' | 'hold' | 'fail'
}

/** Returns a branch of the shop, as CI would build it for a pull request. */
export function branch(name: string, props: BranchProps): (app: App) => void {
  const { base, overrides = {}, previews = ['web'], onUnavailable } = props
  const { above = base === 'baseline' ? [base] : [base, 'baseline'] } = props
  return (app) => {
    const branch = new Environment(app, name, {
      type: 'branch',
      base,
      above,
      ...(onUnavailable === undefined ? {} : { onUnavailable }),
    })
    if (overrides.web !== undefined) new Workload(branch, 'web', web(overrides.web))
    if (overrides.api !== undefined) new Workload(branch, 'api', api(overrides.api))
    if (overrides.worker !== undefined) {
      credentials(branch)
      new Workload(branch, 'worker', worker(overrides.worker))
    }
    for (const preview of previews) new Preview(branch, preview, { port: 8080 })
  }
}
