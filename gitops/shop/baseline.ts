import { Environment, Preview, Workload } from '@branchline/cdk8s'
import type { App } from 'cdk8s'
import { credentials } from './credentials.ts'
import { api, db, web, worker } from './workloads.ts'

/** The shared baseline: every service of the shop, and its database. */
export function baseline(app: App): void {
  const baseline = new Environment(app, 'baseline', { type: 'shared' })
  credentials(baseline)
  new Workload(baseline, 'db', db())
  new Workload(baseline, 'worker', worker('1'))
  new Workload(baseline, 'api', api('1'))
  new Workload(baseline, 'web', web('1'))
  new Preview(baseline, 'web', { port: 8080 })
}
