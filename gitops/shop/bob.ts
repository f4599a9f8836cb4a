import { Environment, Preview, Workload } from '@branchline/cdk8s'
import type { App } from 'cdk8s'
import { credentials } from './credentials.ts'
import { worker } from './workloads.ts'

/** Bob changes only the worker, which reads the baseline's database. */
export function bob(app: App): void {
  const bob = new Environment(app, 'bob', { type: 'branch', base: 'baseline' })
  credentials(bob)
  new Workload(bob, 'worker', worker('pr-8'))
  new Preview(bob, 'web', { port: 8080 })
}
