import { REPOSITORIES, RELEASE } from '@branchline/cdk8s/images'
import { DOMAIN_LENGTH, PLATFORM_PATTERNS } from '@branchline/cdk8s/platform/faults'
import {
  EXPOSE,
  type ImageProps,
  PLATFORM_DEFAULTS as DEFAULTS,
  type PlatformProps,
  type PodProps,
  type RelayProps,
  type Resources,
} from '@branchline/cdk8s/platform/props'
import {
  choice,
  flag,
  map,
  optionalChoice,
  optionalList,
  optionalMap,
  optionalPort,
  optionalText,
  text,
  type ValuesOf,
  valuesOf,
  whole,
} from './fields.ts'

type Labels = Readonly<Record<string, string>>

const image = (repository: string) => ({
  repository: text('Where the image is, below the registry.', repository),
  digest: optionalText('A digest (sha256:…) to hold the image to.', { pattern: '^sha256:[0-9a-f]{64}$' }),
})

/**
 * What an installation may be told as data: the properties of the Platform construct, in its layout and with
 * its defaults; a switch and an address where a property has several types, and images in parts.
 */
export const FIELDS = {
  createNamespace: flag('Whether to make the namespace, which enforces PodSecurity "restricted".', true),
  cluster: text('The name of this cluster at the relay.', DEFAULTS.cluster, {
    pattern: PLATFORM_PATTERNS.cluster.source,
  }),
  images: {
    registry: optionalText(
      'A registry in place of the default one ("mirror.example.com/hub"). Sidecars’ image is said where they are injected.',
    ),
    tag: text('The version of manager and relay.', RELEASE),
    pullPolicy: optionalChoice('Default: Kubernetes’ own, IfNotPresent for a tag.', [
      'Always',
      'IfNotPresent',
      'Never',
    ]),
    pullSecrets: optionalList<{ readonly name: string }>(
      'Secrets with the registry’s credentials: [{ name: … }].',
    ),
    manager: image(REPOSITORIES.manager),
    relay: image(REPOSITORIES.relay),
  },
  manager: {
    replicas: whole('How many there are, of which one leads.', DEFAULTS.manager.replicas),
    checkPodAddress: flag(
      'Whether a sidecar’s token counts from its pod’s own address alone. False where addresses are translated.',
      true,
    ),
    resources: map<Resources>('What its container asks for.', DEFAULTS.manager.resources),
  },
  relay: {
    enabled: flag('Whether there is a relay in this cluster. Without one there are no preview URLs.', true),
    address: optionalText('The address of a relay elsewhere (wss://…), in place of one here.', {
      pattern: PLATFORM_PATTERNS.address.source,
    }),
    domain: text('The domain below which previews have their hosts.', DEFAULTS.relay.domain, {
      pattern: PLATFORM_PATTERNS.domain.source,
      maxLength: DOMAIN_LENGTH,
    }),
    publicUrl: optionalText(
      'Where visitors open previews: scheme, domain and port. Default: http://<domain>:8080.',
      { pattern: PLATFORM_PATTERNS.publicUrl.source },
    ),
    expose: choice(
      'How visitors reach it; ClusterIP is behind an ingress of yours.',
      DEFAULTS.relay.expose,
      EXPOSE,
    ),
    nodePort: optionalPort('The port of each node, for NodePort. 0: Kubernetes chooses.'),
    annotations: optionalMap<Labels>('Annotations of the Service that visitors reach: a load balancer’s.'),
    shared: flag('Whether managers of other clusters connect here.', false),
    routeExplain: optionalChoice('Whether visitors may ask which way a request took. Default: deny.', [
      'allow',
      'deny',
    ]),
    resources: map<Resources>('What its container asks for.', DEFAULTS.relay.resources),
  },
  relayToken: {
    secret: text('The Secret with which managers and relay know each other, ...', DEFAULTS.relayToken.secret),
    key: text('... and the key of it.', DEFAULTS.relayToken.key),
    value: optionalText('Makes the default Secret with this text. To try only: a text in git is no secret.'),
  },
  networkPolicies: flag('Whether nothing passes but what manager and relay need.', true),
  metricsFrom: optionalMap<Labels>(
    'The namespaces that read metrics, by their labels. Default: the one named "monitoring".',
  ),
  monitors: flag('Whether to add PodMonitors for the Prometheus operator, whose CRDs must be there.', false),
  logLevel: optionalChoice('Default: info.', ['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
  pods: {
    nodeSelector: optionalMap<Labels>('What all pods of the platform have, as in a PodSpec.'),
    tolerations: optionalList<object>(''),
    affinity: optionalMap<object>(''),
    priorityClassName: optionalText(''),
    annotations: optionalMap<Labels>(''),
  },
} as const

export type PlatformValues = ValuesOf<typeof FIELDS>

/** What an installation is where nobody says otherwise: what the Platform construct makes of no properties. */
export const VALUES: PlatformValues = valuesOf(FIELDS, (_path, { standard }) => standard)

type All<T> = { readonly [K in keyof Required<T>]: T[K] | undefined }

/** The properties of the Platform construct that values mean. Pure; values are checked before. */
export function propsOf(values: PlatformValues): PlatformProps {
  const { relayToken } = values
  return said({
    source: undefined,
    createNamespace: values.createNamespace,
    cluster: values.cluster,
    images: imagesOf(values.images),
    manager: values.manager,
    relay: relayOf(values.relay),
    relayToken: given(relayToken.value) ?? { secret: relayToken.secret, key: relayToken.key },
    pods: podsOf(values.pods),
    networkPolicies: values.networkPolicies,
    metricsFrom: given(values.metricsFrom),
    monitors: values.monitors,
    logLevel: given(values.logLevel),
  } satisfies All<PlatformProps>)
}

function imagesOf(images: PlatformValues['images']): ImageProps {
  const { registry, tag } = images
  const reference = ({ repository, digest }: PlatformValues['images']['manager']): string =>
    `${registry === '' ? '' : `${registry}/`}${repository}:${tag}${digest === '' ? '' : `@${digest}`}`
  return said({
    manager: reference(images.manager),
    relay: reference(images.relay),
    pullPolicy: given(images.pullPolicy),
    pullSecrets: given(images.pullSecrets),
  } satisfies All<ImageProps>)
}

function relayOf(relay: PlatformValues['relay']): RelayProps | string | false {
  if (relay.address !== '') return relay.address
  if (!relay.enabled) return false
  return said({
    domain: relay.domain,
    publicUrl: given(relay.publicUrl),
    expose: relay.expose,
    nodePort: given(relay.nodePort),
    annotations: given(relay.annotations),
    shared: relay.shared,
    routeExplain: given(relay.routeExplain),
    resources: relay.resources,
  } satisfies All<RelayProps>)
}

const podsOf = (pods: PlatformValues['pods']): PodProps =>
  said({
    nodeSelector: given(pods.nodeSelector),
    tolerations: given(pods.tolerations),
    affinity: given(pods.affinity),
    priorityClassName: given(pods.priorityClassName),
    annotations: given(pods.annotations),
  } satisfies All<PodProps>)

/** An optional value, or undefined where it says nothing. */
function given<T extends string | number | object>(value: T): Exclude<T, ''> | undefined {
  const isEmpty =
    value === '' || value === 0 || (typeof value === 'object' && Object.keys(value).length === 0)
  return isEmpty ? undefined : (value as Exclude<T, ''>)
}

/** Without the properties that are not said: exactOptionalPropertyTypes tells the two apart. */
const said = <T extends object>(props: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
