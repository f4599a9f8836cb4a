import { openTarget, type TargetOptions } from '../target/choose.ts'
import { CliError } from '../platform/errors.ts'
import { parseServiceName, workloadsOf } from '../view/services.ts'
import { serviceOf } from './logs.ts'

/** The annotation by which kubectl restarts a workload: a changed template means new pods. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt'

/** Runs `branchline restart`: replaces the pods of a service, as a rollout. Resolves with what to print. */
export async function runRestart(
  name: string,
  options: TargetOptions & { readonly namespace?: string },
): Promise<string> {
  const wanted = parseServiceName(name)
  const target = await openTarget(options)
  const service = await serviceOf(target, wanted, options.namespace)
  const lists = await Promise.all([
    target.list('Deployment', service.namespace),
    target.list('StatefulSet', service.namespace),
  ])
  const workloads = workloadsOf(service, lists.flat())
  if (workloads.length === 0) {
    throw new CliError(
      'BL_NOT_FOUND',
      `${service.service}@${service.environment.metadata.name}: no Deployment and no StatefulSet in namespace ` +
        `${service.namespace} has pods of this Service, so there is nothing to restart`,
    )
  }
  const annotations = { [RESTARTED_AT]: new Date().toISOString() }
  const patch = { spec: { template: { metadata: { annotations } } } }
  for (const { kind, metadata } of workloads) {
    const { name: workload, namespace } = metadata
    await target.patch({
      kind: kind === 'StatefulSet' ? 'StatefulSet' : 'Deployment',
      name: workload,
      ...(namespace !== undefined && { namespace }),
      patch,
    })
  }
  return workloads
    .map(
      ({ kind, metadata }) =>
        `${kind.toLowerCase()}.apps/${metadata.name} restarted in ${metadata.namespace}\n`,
    )
    .join('')
}
