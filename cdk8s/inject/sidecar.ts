import { formatInbound, type Inbound } from '@branchline/wire/inbound'
import {
  ANNOTATIONS,
  inboundPortName,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  SIDECAR_ADMIN_PORT,
  SIDECAR_CONTAINER,
  TOKEN_AUDIENCE,
} from '@branchline/wire/names'
import { parseEntryDomain } from '@branchline/wire/entry-domain'
import { LEAVE_COMMAND } from '@branchline/wire/leave'
import { parseKeyHeader } from '@branchline/wire/key-header'
import type { SettingName } from '@branchline/wire/settings/table'
import { annotatedSettings, type RenderedSettings, renderSettings } from '@branchline/wire/settings/value'
import { VARIABLES } from '@branchline/wire/env'
import { IMAGES } from '../core/images.ts'
import type { Container, ContainerPort, PodTemplate } from './manifest.ts'
import {
  annotatedResources,
  DEFAULT_RESOURCES,
  resourceFaults,
  type SidecarResources,
  withParts,
} from './resources.ts'

/** Options of the sidecar's container. A workload's annotations take precedence over its resources and settings. */
export interface SidecarOptions extends SidecarResources {
  /** Default: the image of this release. */
  readonly image?: string
  /** The manager's WebSocket URL. Default: the manager in the platform's namespace. */
  readonly manager?: string
  /** Another header that carries the key, for users who migrate. Default: none. */
  readonly header?: string
  /** The address of the app. Default: the first of 127.0.0.1, ::1 and the pod's addresses that accepts a connection. */
  readonly appHost?: string
  /**
   * Waits and sizes, such as `{ 'response-timeout': '10m' }`. A workload's annotations (`branchline.dev/response-timeout`)
   * take precedence. Default: those of the settings' table (`runtime/wire/settings`).
   */
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>
  /** Default: info. */
  readonly logLevel?: string
  /** All resources of the container. `cpu`, `memory` and their limits change single ones. Default: those of the parts. */
  readonly resources?: Readonly<Record<string, unknown>>
}

/** The volume with the token by which the sidecar proves the identity of its pod to the manager. */
export const TOKEN_VOLUME = 'branchline-token'
const TOKEN_FOLDER = '/var/run/secrets/branchline'
/** The name of the sidecar's admin port. */
export const ADMIN_PORT_NAME = 'branchline-adm'
// A number, because runAsNonRoot cannot check an image whose user is a name.
const USER = 65532

/** One listener of the sidecar, and the number in the name of its port. */
export interface NamedInbound extends Inbound {
  readonly slot: number
}

/**
 * Returns the sidecar of a pod as a native sidecar: an init container that keeps running (Kubernetes 1.29 or later). It
 * starts before the app and stops after it.
 */
export function sidecarContainer(
  template: PodTemplate,
  inbound: readonly NamedInbound[],
  options: SidecarOptions,
): Container {
  const settings = settingsOfTemplate(template, options).variables
  return {
    name: SIDECAR_CONTAINER,
    image: options.image ?? IMAGES.sidecar,
    restartPolicy: 'Always',
    ports: [{ name: ADMIN_PORT_NAME, containerPort: SIDECAR_ADMIN_PORT }],
    env: sidecarVariables(inbound, options, settings),
    startupProbe: {
      httpGet: { path: '/livez', port: ADMIN_PORT_NAME },
      periodSeconds: 1,
      failureThreshold: 60,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: ADMIN_PORT_NAME },
      periodSeconds: 2,
      timeoutSeconds: 3,
      failureThreshold: 2,
    },
    // A sidecar that is slow because it lacks CPU is not dead. A restart would cut all connections and need more CPU.
    livenessProbe: {
      httpGet: { path: '/livez', port: ADMIN_PORT_NAME },
      periodSeconds: 10,
      timeoutSeconds: 10,
      failureThreshold: 3,
    },
    // All preStop hooks run when the pod begins to end, although a native sidecar stops after the app.
    lifecycle: { preStop: { exec: { command: [...LEAVE_COMMAND] } } },
    resources: withParts(options.resources ?? DEFAULT_RESOURCES, options, annotatedResources(template).given),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [{ name: TOKEN_VOLUME, mountPath: TOKEN_FOLDER, readOnly: true }],
  }
}

/**
 * Returns the ports of the sidecar's listeners, for a container of the app. Before Kubernetes 1.33, Services do not find
 * the name of a port of an init container. All containers of a pod share their ports, so the container does not matter.
 */
export const listenerPorts = (inbound: readonly NamedInbound[]): ContainerPort[] =>
  inbound.map(({ slot, port }) => ({ name: inboundPortName(slot), containerPort: port }))

/** Yields one sentence per fault of the sidecar's options. */
export function* sidecarFaults(options: SidecarOptions): Generator<string> {
  const { header, settings } = options
  yield* resourceFaults(options)
  try {
    parseKeyHeader(header ?? '')
  } catch (error) {
    yield `sidecar.header is ${(error as Error).message}`
  }
  const { faults } = renderSettings('sidecar', settings ?? {})
  for (const fault of faults) yield `sidecar.settings: ${fault}`
}

/** Renders the settings of a workload: those of the options, overridden by those of its annotations, and its entry domain. */
export function settingsOfTemplate(template: PodTemplate, options: SidecarOptions): RenderedSettings {
  const annotations = template.metadata?.annotations
  const settings = { ...(options.settings as Record<string, string>), ...annotatedSettings(annotations) }
  return withEntryDomain(renderSettings('sidecar', settings), annotations?.[ANNOTATIONS.entryDomain])
}

function withEntryDomain(rendered: RenderedSettings, text: string | undefined): RenderedSettings {
  if (text === undefined) return rendered
  try {
    const domain = parseEntryDomain(text) ?? ''
    return { ...rendered, variables: { ...rendered.variables, [VARIABLES.entryDomain]: domain } }
  } catch (error) {
    return { ...rendered, faults: [...rendered.faults, `entry-domain is ${(error as Error).message}`] }
  }
}

function sidecarVariables(
  inbound: readonly Inbound[],
  options: SidecarOptions,
  settings: RenderedSettings['variables'],
): Container['env'] {
  const said: Record<string, string | undefined> = {
    [VARIABLES.inbound]: formatInbound(inbound),
    [VARIABLES.manager]: options.manager ?? MANAGER_URL,
    [VARIABLES.tokenFile]: `${TOKEN_FOLDER}/token`,
    [VARIABLES.appHost]: options.appHost,
    [VARIABLES.header]: parseKeyHeader(options.header ?? ''),
    [VARIABLES.logLevel]: options.logLevel,
    ...settings,
  }
  return [
    ...Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    // The addresses of both families in a dual-stack cluster.
    { name: 'POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
  ]
}

const MANAGER_URL = `ws://${MANAGER_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${MANAGER_ROUTES_PORT}`

/** Returns the token's volume. The token identifies the pod to the manager only. The kubelet renews it. */
export function tokenVolume(): { name: string; [field: string]: unknown } {
  const serviceAccountToken = { path: 'token', audience: TOKEN_AUDIENCE, expirationSeconds: 3600 }
  return { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken }] } }
}
