import { Environment, Preview, Workload } from '@branchline/cdk8s'
import type { App } from 'cdk8s'
import { api } from './workloads.ts'

/** Alice changes only the API. */
export function alice(app: App): void {
  const alice = new Environment(app, 'alice', { type: 'branch', base: 'baseline' })
  new Workload(alice, 'api', api('pr-7'))
  new Preview(alice, 'web', { port: 8080 })
}
