import { formatInbound, type Inbound } from '@branchline/wire/inbound'
import {
  inboundPortName,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  SIDECAR_ADMIN_PORT,
  SIDECAR_CONTAINER,
  TOKEN_AUDIENCE,
} from '@branchline/wire/names'
import { LEAVE_COMMAND } from '@branchline/wire/leave'
import { parseKeyHeader } from '@branchline/wire/key-header'
import type { SettingName } from '@branchline/wire/settings/table'
import { annotatedSettings, type RenderedSettings, renderSettings } from '@branchline/wire/settings/value'
import { IMAGES } from '../core/images.ts'
import type { Container, PodTemplate } from './manifest.ts'

/** What the sidecar's container is made of. */
export interface SidecarOptions {
  /** Default: the image of this release. */
  readonly image?: string
  /** The manager's WebSocket address. Default: that of the platform's namespace. */
  readonly manager?: string
  /** A header that carries the key too, for those who migrate. Default: none. */
  readonly header?: string
  /** Where the app of the pod listens. Default: 127.0.0.1, ::1 or an address of the pod, the first that answers. */
  readonly appHost?: string
  /**
   * Waits and sizes, as people write them: `{ 'response-timeout': '10m' }`. A workload's annotations
   * (`branchline.dev/response-timeout`) win. Default: those of the table of settings (`runtime/wire/settings`).
   */
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>
  /** Default: info. */
  readonly logLevel?: string
  /** Default: 10m CPU and 64Mi requested, 192Mi the limit; no CPU limit, since throttling is latency. */
  readonly resources?: Readonly<Record<string, unknown>>
}

/** The volume that holds the token with which the sidecar proves its pod to the manager. */
export const TOKEN_VOLUME = 'branchline-token'
const TOKEN_FOLDER = '/var/run/secrets/branchline'
/** The name of the sidecar's admin port. */
export const ADMIN_PORT_NAME = 'branchline-adm'
// Numeric, since an image's user may be a name, which runAsNonRoot cannot judge.
const USER = 65532

/** One listener of the sidecar, and the number in the name of its port. */
export interface NamedInbound extends Inbound {
  readonly slot: number
}

/**
 * The sidecar as a native one: an init container that keeps running (Kubernetes 1.29 and later), so that it
 * is there before the app and until after it.
 */
export function sidecarContainer(
  inbound: readonly NamedInbound[],
  options: SidecarOptions,
  settings: RenderedSettings['variables'] = {},
): Container {
  return {
    name: SIDECAR_CONTAINER,
    image: options.image ?? IMAGES.sidecar,
    restartPolicy: 'Always',
    ports: sidecarPorts(inbound),
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
    // Slow for want of CPU is not dead: a restart would cost every connection of the pod, and more CPU.
    livenessProbe: {
      httpGet: { path: '/livez', port: ADMIN_PORT_NAME },
      periodSeconds: 10,
      timeoutSeconds: 10,
      failureThreshold: 3,
    },
    // All hooks run when the pod begins to end, though a native sidecar is stopped after the app.
    lifecycle: { preStop: { exec: { command: [...LEAVE_COMMAND] } } },
    resources: options.resources ?? {
      requests: { cpu: '10m', memory: '64Mi' },
      limits: { memory: '192Mi' },
    },
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

/** The sidecar's ports: one a listener, and the admin port. */
export function sidecarPorts(inbound: readonly NamedInbound[]): NonNullable<Container['ports']> {
  return [
    ...inbound.map(({ slot, port }) => ({ name: inboundPortName(slot), containerPort: port })),
    { name: ADMIN_PORT_NAME, containerPort: SIDECAR_ADMIN_PORT },
  ]
}

/** What is wrong with the options of sidecars, one sentence each. */
export function* sidecarFaults({ header, settings }: SidecarOptions): Generator<string> {
  try {
    parseKeyHeader(header ?? '')
  } catch (error) {
    yield `sidecar.header is ${(error as Error).message}`
  }
  const { faults } = renderSettings('sidecar', settings ?? {})
  for (const fault of faults) yield `sidecar.settings: ${fault}`
}

/** What the settings of a workload make: those of the options, then those of its annotations. */
export function settingsOfTemplate(template: PodTemplate, options: SidecarOptions): RenderedSettings {
  const annotated = annotatedSettings(template.metadata?.annotations)
  return renderSettings('sidecar', { ...(options.settings as Record<string, string>), ...annotated })
}

function sidecarVariables(
  inbound: readonly Inbound[],
  options: SidecarOptions,
  settings: RenderedSettings['variables'],
): Container['env'] {
  const said: Record<string, string | undefined> = {
    BRANCHLINE_INBOUND: formatInbound(inbound),
    BRANCHLINE_MANAGER: options.manager ?? MANAGER_URL,
    BRANCHLINE_TOKEN_FILE: `${TOKEN_FOLDER}/token`,
    BRANCHLINE_APP_HOST: options.appHost,
    BRANCHLINE_HEADER: parseKeyHeader(options.header ?? ''),
    LOG_LEVEL: options.logLevel,
    ...settings,
  }
  return [
    ...Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    // Of both families, where the cluster has two.
    { name: 'POD_IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
  ]
}

const MANAGER_URL = `ws://${MANAGER_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${MANAGER_ROUTES_PORT}`

/** The token's volume: the pod's own identity, for the manager alone, renewed by the kubelet. */
export function tokenVolume(): { name: string; [field: string]: unknown } {
  const serviceAccountToken = { path: 'token', audience: TOKEN_AUDIENCE, expirationSeconds: 3600 }
  return { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken }] } }
}
