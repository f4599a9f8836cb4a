import { platformFaults } from '@branchline/cdk8s/platform/faults'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import type { PlatformProps, RelayProps } from '@branchline/cdk8s/platform/props'
import { stringify } from 'yaml'
import { CliError } from '../platform/errors.ts'

/** What `branchline platform` is told. */
export interface PlatformOptions {
  readonly cluster: string
  readonly domain: string
  readonly publicUrl?: string
  readonly expose: string
  readonly relay?: string
  readonly monitors?: boolean
}

const EXPOSE = ['ClusterIP', 'NodePort', 'LoadBalancer'] as const

/**
 * The manifests that install Branchline, as one YAML text for `kubectl apply --server-side -f -` or a kustomize
 * base: the same objects as the Platform construct's. Throws a {@link CliError} that names what is wrong.
 */
export function platformText(options: PlatformOptions): string {
  const props: PlatformProps = {
    cluster: options.cluster,
    relay: options.relay ?? relayOf(options),
    monitors: options.monitors === true,
  }
  const faults = [...platformFaults(props)]
  if (faults.length > 0) throw new CliError('BL_PLATFORM_OPTIONS', faults.join('\n'))
  return platformManifests(props)
    .map((manifest) => stringify(manifest, { lineWidth: 0 }))
    .join('---\n')
}

function relayOf({ domain, publicUrl, expose }: PlatformOptions): RelayProps {
  const type = EXPOSE.find((one) => one === expose)
  if (type === undefined) {
    throw new CliError('BL_PLATFORM_OPTIONS', `--expose is ${expose}: wanted one of ${EXPOSE.join(', ')}`)
  }
  return { domain, expose: type, ...(publicUrl === undefined ? {} : { publicUrl }) }
}
