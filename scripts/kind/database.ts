import { randomBytes } from 'node:crypto'
import { $ } from 'zx'

/** The namespace of the PostgreSQL of the relay. It is not the platform's: there, only its own pods may listen. */
export const DATABASE_NAMESPACE = 'relay-database'
const NAME = 'postgres'
const USER = 'relay'
const PASSWORD = { secret: 'postgres', key: 'password' } as const
const LABELS = { app: NAME }

/**
 * Installs a PostgreSQL for the relay in the cluster, from the image of the sample's database, and returns its URL. Its
 * data lasts as long as its pod.
 */
export async function installDatabase(context: string): Promise<string> {
  const password = (await readPassword(context)) ?? randomBytes(18).toString('base64url')
  const input = objects(password)
    .map((object) => JSON.stringify(object))
    .join('\n---\n')
  await $({ input })`kubectl --context ${context} apply --server-side --force-conflicts -f -`.quiet()
  await $`kubectl --context ${context} -n ${DATABASE_NAMESPACE} rollout status deployment/${NAME} --timeout 180s`.quiet()
  return `postgres://${USER}:${password}@${NAME}.${DATABASE_NAMESPACE}.svc.cluster.local:5432/${USER}`
}

async function readPassword(context: string): Promise<string | undefined> {
  const path = `jsonpath={.data.${PASSWORD.key}}`
  const at = ['--context', context, '-n', DATABASE_NAMESPACE]
  const found = await $`kubectl ${at} get secret ${PASSWORD.secret} -o ${path}`.quiet().nothrow()
  return found.exitCode === 0 && found.stdout !== ''
    ? Buffer.from(found.stdout, 'base64').toString()
    : undefined
}

const objects = (password: string): object[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: DATABASE_NAMESPACE } },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: PASSWORD.secret, namespace: DATABASE_NAMESPACE },
    stringData: { [PASSWORD.key]: password },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: DATABASE_NAMESPACE },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: { containers: [container()] } },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: DATABASE_NAMESPACE },
    spec: { selector: LABELS, ports: [{ port: 5432 }] },
  },
]

const container = (): object => ({
  name: NAME,
  image: 'shop/db:18',
  env: [
    { name: 'PORT', value: '5432' },
    { name: 'DB_USER', value: USER },
    {
      name: 'DB_PASSWORD',
      valueFrom: { secretKeyRef: { name: PASSWORD.secret, key: PASSWORD.key } },
    },
  ],
  ports: [{ containerPort: 5432 }],
  readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
})
