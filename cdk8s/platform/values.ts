import { z } from 'zod'
import { REPOSITORIES, RELEASE } from '../core/images.ts'
import { DOMAIN_LENGTH, PLATFORM_PATTERNS } from './faults.ts'
import {
  EXPOSE,
  type ImageProps,
  type ManagerProps,
  PLATFORM_DEFAULTS as DEFAULTS,
  type PlatformProps,
  type PodProps,
  type RelayProps,
  type SecretKey,
} from './props.ts'

const text = z.string().min(1)
const matching = (pattern: RegExp, wanted: string) => z.string().regex(pattern, wanted)
/** A text that matches a pattern, or the empty text, which leaves the value unset. */
const optional = (pattern: RegExp, wanted: string) =>
  matching(new RegExp(`^$|(?:${pattern.source})`), `${wanted}, or ""`)
const labels = z.record(z.string(), z.string())
const object = z.record(z.string(), z.unknown())
const image = z.strictObject({
  repository: text,
  digest: optional(/^sha256:[0-9a-f]{64}$/, 'a digest such as "sha256:…" with 64 hexadecimal digits'),
})

/**
 * Settings of an installation as data: the values of the Helm chart, which `../chart/values.yaml` documents.
 * Every value is present; an optional one that is empty (`""`, `0`, `{}`, `[]`) is unset.
 */
export const platformValues = z.strictObject({
  cluster: matching(PLATFORM_PATTERNS.cluster, 'lower-case letters, digits and inner hyphens'),
  createNamespace: z.boolean(),
  logLevel: z.enum(['', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']),
  image: z.strictObject({
    registry: z.string(),
    tag: z.string(),
    pullPolicy: z.enum(['', 'Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: z.array(z.strictObject({ name: text })),
  manager: z.strictObject({
    image,
    replicas: z.int().min(0),
    checkPodAddress: z.boolean(),
    podMessages: z.boolean(),
    resources: object,
  }),
  relay: z.strictObject({
    enabled: z.boolean(),
    address: optional(PLATFORM_PATTERNS.address, 'an address such as "wss://relay.example.com"'),
    domain: matching(PLATFORM_PATTERNS.domain, 'a domain such as "preview.example.com"').max(DOMAIN_LENGTH),
    publicUrl: optional(PLATFORM_PATTERNS.publicUrl, 'a URL such as "https://preview.example.com"'),
    shared: z.boolean(),
    databaseUrl: z.strictObject({ secret: z.string(), key: text }),
    replicas: z.int().min(0),
    coordinators: z.strictObject({ replicas: z.int().min(0), resources: object }),
    joinToken: z.strictObject({ secret: text, key: text }),
    ownerKey: z.strictObject({ secret: z.string(), key: text }),
    stateClaim: optional(PLATFORM_PATTERNS.stateClaim, 'the name of a PersistentVolumeClaim'),
    ports: z.strictObject({ from: z.int().min(0).max(65_535), to: z.int().min(0).max(65_535) }),
    allowTargets: z.array(matching(PLATFORM_PATTERNS.cidr, 'a range of addresses such as "10.0.0.0/8"')),
    terminationGracePeriodSeconds: z.int().min(0),
    routeExplain: z.enum(['', 'allow', 'deny']),
    header: optional(PLATFORM_PATTERNS.header, 'the name of a header'),
    settings: labels,
    image,
    service: z.strictObject({
      type: z.enum(EXPOSE),
      nodePort: z.int().min(0).max(65_535),
      annotations: labels,
    }),
    resources: object,
  }),
  relayToken: z.strictObject({ secret: text, key: text, value: z.string() }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    metricsFrom: labels,
    apiFrom: labels,
    databasePort: z.int().min(1).max(65_535),
  }),
  podMonitor: z.strictObject({ enabled: z.boolean() }),
  podAnnotations: labels,
  nodeSelector: labels,
  tolerations: z.array(object),
  affinity: object,
  priorityClassName: z.string(),
})

export type PlatformValues = z.infer<typeof platformValues>

/** The values that correspond to the Platform construct's defaults. */
export const PLATFORM_VALUES: PlatformValues = {
  cluster: DEFAULTS.cluster,
  createNamespace: true,
  logLevel: '',
  image: { registry: '', tag: '', pullPolicy: '' },
  imagePullSecrets: [],
  manager: {
    image: { repository: REPOSITORIES.manager, digest: '' },
    replicas: DEFAULTS.manager.replicas,
    checkPodAddress: true,
    podMessages: false,
    resources: DEFAULTS.manager.resources,
  },
  relay: {
    enabled: true,
    address: '',
    domain: DEFAULTS.relay.domain,
    publicUrl: '',
    shared: false,
    databaseUrl: { secret: '', key: 'url' },
    replicas: DEFAULTS.relay.replicas,
    coordinators: DEFAULTS.relay.coordinators,
    joinToken: DEFAULTS.relay.joinToken,
    ownerKey: { secret: '', key: 'key' },
    stateClaim: '',
    ports: { from: 0, to: 0 },
    allowTargets: [],
    terminationGracePeriodSeconds: DEFAULTS.relay.terminationGracePeriodSeconds,
    routeExplain: '',
    header: '',
    settings: {},
    image: { repository: REPOSITORIES.relay, digest: '' },
    service: { type: DEFAULTS.relay.expose, nodePort: 0, annotations: {} },
    resources: DEFAULTS.relay.resources,
  },
  relayToken: { ...DEFAULTS.relayToken, value: '' },
  networkPolicy: {
    enabled: true,
    metricsFrom: {},
    apiFrom: {},
    databasePort: DEFAULTS.relay.databasePort,
  },
  podMonitor: { enabled: false },
  podAnnotations: {},
  nodeSelector: {},
  tolerations: [],
  affinity: {},
  priorityClassName: '',
}

type All<T> = { readonly [K in keyof Required<T>]: T[K] | undefined }

/** Converts valid values to properties of the Platform construct. */
export function propsOf(values: PlatformValues): PlatformProps {
  const { relayToken, networkPolicy } = values
  return present({
    source: undefined,
    createNamespace: values.createNamespace,
    cluster: values.cluster,
    images: imagesOf(values),
    manager: managerOf(values.manager),
    relay: relayOf(values.relay, networkPolicy.databasePort),
    relayToken: given(relayToken.value) ?? { secret: relayToken.secret, key: relayToken.key },
    pods: podsOf(values),
    networkPolicies: networkPolicy.enabled,
    metricsFrom: given(networkPolicy.metricsFrom),
    apiFrom: given(networkPolicy.apiFrom),
    monitors: values.podMonitor.enabled,
    logLevel: given(values.logLevel),
  } satisfies All<PlatformProps>)
}

/** Returns the parts of a component's image reference. The construct and kustomize join them. */
export function imageParts(
  { image }: PlatformValues,
  { repository, digest }: PlatformValues['relay']['image'],
) {
  const { registry, tag } = image
  return {
    name: registry === '' ? repository : `${registry}/${repository}`,
    tag: tag === '' ? RELEASE : tag,
    digest: given(digest),
  }
}

/** Reports whether the installation includes a relay. */
export const runsRelay = ({ relay }: PlatformValues): boolean => relay.enabled && relay.address === ''

function imagesOf(values: PlatformValues): ImageProps {
  const reference = (component: 'manager' | 'relay'): string => {
    const { name, tag, digest } = imageParts(values, values[component].image)
    return `${name}:${tag}${digest === undefined ? '' : `@${digest}`}`
  }
  return present({
    manager: reference('manager'),
    relay: reference('relay'),
    pullPolicy: given(values.image.pullPolicy),
    pullSecrets: given(values.imagePullSecrets),
  } satisfies All<ImageProps>)
}

const managerOf = ({ replicas, checkPodAddress, podMessages, resources }: PlatformValues['manager']) =>
  ({ replicas, checkPodAddress, podMessages, resources }) satisfies All<ManagerProps>

function relayOf(relay: PlatformValues['relay'], databasePort: number): RelayProps | string | false {
  if (relay.address !== '') return relay.address
  if (!relay.enabled) return false
  return present({
    domain: relay.domain,
    publicUrl: given(relay.publicUrl),
    expose: relay.service.type,
    nodePort: given(relay.service.nodePort),
    annotations: given(relay.service.annotations),
    shared: relay.shared,
    databaseUrl: secretOf(relay.databaseUrl),
    databasePort,
    replicas: relay.replicas,
    coordinators: relay.coordinators,
    joinToken: relay.joinToken,
    ownerKey: secretOf(relay.ownerKey),
    stateClaim: given(relay.stateClaim),
    ports: relay.ports.from === 0 ? undefined : relay.ports,
    allowTargets: given(relay.allowTargets),
    terminationGracePeriodSeconds: relay.terminationGracePeriodSeconds,
    routeExplain: given(relay.routeExplain),
    header: given(relay.header),
    settings: given(relay.settings),
    resources: relay.resources,
  } satisfies All<RelayProps>)
}

/** A Secret, or undefined if it has no name. */
const secretOf = (key: SecretKey): SecretKey | undefined => (key.secret === '' ? undefined : key)

const podsOf = (values: PlatformValues): PodProps =>
  present({
    nodeSelector: given(values.nodeSelector),
    tolerations: given(values.tolerations),
    affinity: given(values.affinity),
    priorityClassName: given(values.priorityClassName),
    annotations: given(values.podAnnotations),
  } satisfies All<PodProps>)

/** An optional value, or undefined if it is unset. */
function given<T extends string | number | object>(value: T): Exclude<T, ''> | undefined {
  const isEmpty =
    value === '' || value === 0 || (typeof value === 'object' && Object.keys(value).length === 0)
  return isEmpty ? undefined : (value as Exclude<T, ''>)
}

/** Removes undefined properties, which exactOptionalPropertyTypes distinguishes from missing ones. */
const present = <T extends object>(props: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
