import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { rules } from './alerts.ts'
import { dashboard } from './dashboard.ts'

/** The folder that contains the API key in Prometheus' container. */
const KEY_FOLDER = '/etc/branchline'
const LABELS = { 'app.kubernetes.io/part-of': 'branchline-observability' }

/** One program of the stack. */
interface Program {
  readonly name: string
  readonly image: string
  readonly port: number
  readonly args: readonly string[]
  readonly data: string
  /** The name of a Secret, and the folder where it is mounted. */
  readonly secret?: readonly [name: string, folder: string]
}

const PROGRAMS: readonly Program[] = [
  {
    name: 'prometheus',
    image: 'docker.io/prom/prometheus:v3.5.0',
    port: 9090,
    args: ['--config.file=/etc/config/prometheus.yaml', '--storage.tsdb.path=/data'],
    data: '/data',
    secret: ['branchline-metrics-key', KEY_FOLDER],
  },
  {
    name: 'loki',
    image: 'docker.io/grafana/loki:3.5.3',
    port: 3100,
    args: ['-config.file=/etc/config/loki.yaml'],
    data: '/data',
  },
  {
    name: 'tempo',
    image: 'docker.io/grafana/tempo:2.8.2',
    port: 4318,
    args: ['-config.file=/etc/config/tempo.yaml'],
    data: '/data',
  },
]

/**
 * Prometheus' configuration: it finds coordinators and workers at `/sd` of a coordinator. `keyFile` contains an API key
 * with the scope metrics:read.
 */
const prometheusConfig = (api: string, keyFile: string, rulesFile: string): object => ({
  global: { scrape_interval: '15s', evaluation_interval: '15s' },
  rule_files: [rulesFile],
  scrape_configs: [
    {
      job_name: 'branchline-relay',
      http_sd_configs: [
        {
          url: `${api}/sd`,
          refresh_interval: '30s',
          // Prometheus 2.42 sends no scheme unless it is named.
          authorization: { type: 'Bearer', credentials_file: keyFile },
        },
      ],
    },
  ],
})

const LOKI = {
  auth_enabled: false,
  server: { http_listen_port: 3100 },
  common: {
    path_prefix: '/data',
    replication_factor: 1,
    ring: { kvstore: { store: 'inmemory' } },
    storage: { filesystem: { chunks_directory: '/data/chunks', rules_directory: '/data/rules' } },
  },
  schema_config: {
    configs: [
      {
        from: '2025-01-01',
        store: 'tsdb',
        object_store: 'filesystem',
        schema: 'v13',
        index: { prefix: 'index_', period: '24h' },
      },
    ],
  },
}

const TEMPO = {
  server: { http_listen_port: 3200 },
  distributor: { receivers: { otlp: { protocols: { http: { endpoint: '0.0.0.0:4318' } } } } },
  storage: { trace: { backend: 'local', local: { path: '/data/traces' }, wal: { path: '/data/wal' } } },
}

function deployment({ name, image, port, args, data, secret }: Program): object[] {
  const labels = { ...LABELS, 'app.kubernetes.io/name': name }
  const volumes = [
    { name: 'config', configMap: { name: 'observability-config' } },
    { name: 'data', emptyDir: {} },
    ...(secret === undefined ? [] : [{ name: 'secret', secret: { secretName: secret[0] } }]),
  ]
  const mounts = [
    { name: 'config', mountPath: '/etc/config' },
    { name: 'data', mountPath: data },
    ...(secret === undefined ? [] : [{ name: 'secret', mountPath: secret[1], readOnly: true }]),
  ]
  const container = {
    name,
    image,
    args,
    ports: [{ containerPort: port }],
    volumeMounts: mounts,
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  }
  const pod = {
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_534,
      fsGroup: 65_534,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    automountServiceAccountToken: false,
    containers: [container],
    volumes,
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, labels },
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: pod },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, labels },
      spec: { selector: labels, ports: [{ port }] },
    },
  ]
}

const kustomization = {
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  namespace: 'monitoring',
  resources: ['namespace.yaml', ...PROGRAMS.map(({ name }) => `${name}-program.yaml`)],
  configMapGenerator: [
    {
      name: 'observability-config',
      files: ['prometheus.yaml', 'rules.yaml', 'loki.yaml', 'tempo.yaml'],
    },
    {
      name: 'branchline-dashboard',
      files: ['relay.json'],
      options: { labels: { grafana_dashboard: '1' } },
    },
  ],
}

/**
 * Returns the files of a kustomize folder by name: Prometheus, Loki and Tempo, the alerts, and the dashboard of the relay
 * as a ConfigMap that Grafana's sidecar finds. `api` is the URL of the coordinators.
 */
export function observabilityFiles(api: string): Readonly<Record<string, string>> {
  const config = prometheusConfig(api, `${KEY_FOLDER}/key`, '/etc/config/rules.yaml')
  const programs = PROGRAMS.map((program): [string, string] => [
    `${program.name}-program.yaml`,
    deployment(program)
      .map((manifest) => stringify(manifest, { aliasDuplicateObjects: false }))
      .join('---\n'),
  ])
  return {
    'kustomization.yaml': stringify(kustomization),
    'namespace.yaml': stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } }),
    'prometheus.yaml': stringify(config),
    'rules.yaml': stringify(rules()),
    'loki.yaml': stringify(LOKI),
    'tempo.yaml': stringify(TEMPO),
    'relay.json': `${JSON.stringify(dashboard(), undefined, 2)}\n`,
    ...Object.fromEntries(programs),
  }
}

/** Writes the files of {@link observabilityFiles} to a folder. */
export function writeObservability(folder: string, api: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(observabilityFiles(api))) writeFileSync(join(folder, name), text)
}

if (import.meta.main) {
  const [folder, api = 'http://branchline-relay.branchline-system:6120'] = process.argv.slice(2)
  if (folder === undefined) throw new Error('usage: node gitops/observability/manifests.ts FOLDER [API_URL]')
  writeObservability(folder, api)
}
