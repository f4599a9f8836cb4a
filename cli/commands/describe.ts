import { safely } from '../output/safely.ts'
import { nearest } from '@branchline/wire/near'
import { terminal } from '../output/terminal.ts'
import { CliError } from '../platform/errors.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import { describedEnvironment } from '../view/describe.ts'
import { listingOf } from '../view/listings.ts'
import type { EnvironmentObject } from '../view/resources.ts'
import { namedEnvironment } from '../view/services.ts'
import { snapshotOf } from './get.ts'

/** Runs `branchline describe env NAME`. Resolves with what to print. */
export async function runDescribe(what: string, name: string, options: TargetOptions): Promise<string> {
  if (listingOf(what)?.title !== 'env') {
    const near = nearest(what, ['env', 'environment'])
    const remedy = near === undefined ? 'wanted env' : `did you mean ${near}?`
    throw new CliError('BL_USAGE', `describe ${what}: only environments can be described: ${remedy}`)
  }
  const target = await openTarget(options)
  const environments = (await target.list('Environment')) as EnvironmentObject[]
  const environment = namedEnvironment(name, environments)
  const kinds = ['Environment', 'Preview', 'Service', 'EndpointSlice', 'Pod'] as const
  const snapshot = await snapshotOf(
    target,
    { kinds, scoped: ['Preview', 'Pod'] },
    environment.metadata.namespace,
  )
  return describedEnvironment(safely(environment), safely(snapshot), terminal(), Date.now())
}
