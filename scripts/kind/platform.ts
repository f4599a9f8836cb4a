import { randomBytes } from 'node:crypto'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import { CREDENTIALS } from '@branchline/gitops/shop/credentials'
import { SHOP, synthesise } from '@branchline/gitops/synth'
import {
  COORDINATOR_SERVICE,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_SERVICE,
} from '@branchline/wire/names'
import { stringify } from 'yaml'
import { $ } from 'zx'
import { FIELD_MANAGER } from '../../test-e2e/harness/kind/api.ts'
import { type KindSettings, publishedPort } from './cluster.ts'
import { installDatabase } from './database.ts'

/** The NodePort of the relay, which kind/cluster.yaml publishes. */
const RELAY_NODE_PORT = 30_080
const ROLLOUT_TIMEOUT = '180s'
const TOKEN_SECRET = 'branchline-relay-token'
const JOIN_SECRET = 'branchline-relay-join'
const DATABASE_SECRET = { secret: 'branchline-relay-database', key: 'url' } as const

/**
 * Installs or updates the platform, and waits for the rollout. Images keep their tag from build to build here, so an
 * update restarts the pods.
 */
export async function installPlatform(
  settings: KindSettings,
  context: string,
  isChanged: boolean,
): Promise<void> {
  const port = await publishedPort(settings, RELAY_NODE_PORT)
  const manifests = platformManifests({
    cluster: settings.cluster,
    relay: {
      publicUrl: `http://localhost:${port}`,
      expose: 'NodePort',
      nodePort: RELAY_NODE_PORT,
      routeExplain: 'allow',
      databaseUrl: DATABASE_SECRET,
    },
  })
  const databaseUrl = await installDatabase(context)
  const kubectl = $({ input: manifests.map((manifest) => stringify(manifest)).join('---\n') })
  await kubectl`kubectl --context ${context} apply --server-side --force-conflicts -f -`.quiet()
  const random = (): string => randomBytes(32).toString('base64url')
  await ensureSecret(context, TOKEN_SECRET, 'token', random())
  await ensureSecret(context, JOIN_SECRET, 'token', `blj_${random()}`)
  await ensureSecret(context, DATABASE_SECRET.secret, DATABASE_SECRET.key, databaseUrl)
  const at = ['--context', context, '-n', PLATFORM_NAMESPACE]
  if (isChanged) await $`kubectl ${at} rollout restart deployment`.quiet()
  for (const name of [COORDINATOR_SERVICE, RELAY_SERVICE, MANAGER_SERVICE]) {
    await $`kubectl ${at} rollout status deployment/${name} --timeout ${ROLLOUT_TIMEOUT}`.quiet()
  }
}

/** Creates a Secret of the platform, if it does not exist. */
async function ensureSecret(context: string, name: string, key: string, value: string): Promise<void> {
  const at = ['--context', context, '-n', PLATFORM_NAMESPACE]
  const found = await $`kubectl ${at} get secret ${name}`.quiet().nothrow()
  if (found.exitCode === 0) return
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: PLATFORM_NAMESPACE },
    stringData: { [key]: value },
  }
  await $({ input: JSON.stringify(secret) })`kubectl ${at} apply -f -`.quiet()
}

/**
 * Returns the password of the sample's database from the cluster, or a new one. All syntheses of a run must use the same
 * password, or the database refuses pods that start later.
 */
export async function shopPassword(context: string): Promise<string> {
  const path = `{.data.${CREDENTIALS.key}}`
  const at = ['--context', context, '-n', 'baseline']
  const found = await $`kubectl ${at} get secret ${CREDENTIALS.secret} -o jsonpath=${path}`.quiet().nothrow()
  if (found.exitCode !== 0 || found.stdout === '') return randomBytes(18).toString('base64url')
  return Buffer.from(found.stdout, 'base64').toString()
}

/** Applies the sample's environments, waits for their workloads, and returns the URLs of their previews. */
export async function installShop(context: string, isChanged: boolean): Promise<string[]> {
  const input = Object.values(SHOP).map(synthesise).join('---\n')
  // As the stories do, which apply the same objects: of two writers, each would keep what the other one removes.
  const apply = ['apply', '--server-side', '--force-conflicts', `--field-manager=${FIELD_MANAGER}`, '-f', '-']
  await $({ input })`kubectl --context ${context} ${apply}`.quiet()
  for (const namespace of Object.keys(SHOP)) {
    const at = ['--context', context, '-n', namespace]
    if (isChanged) await $`kubectl ${at} rollout restart deployment`.quiet()
    await $`kubectl ${at} rollout status deployment --timeout ${ROLLOUT_TIMEOUT}`.quiet()
  }
  const wait = ['--for=condition=Ready', '--timeout', ROLLOUT_TIMEOUT, '--all', '-A']
  await $`kubectl --context ${context} wait previews.branchline.dev ${wait}`.quiet()
  const path = '{range .items[*]}{.status.url}{"\\n"}{end}'
  const { stdout } =
    await $`kubectl --context ${context} get previews.branchline.dev -A -o jsonpath=${path}`.quiet()
  return stdout.trim().split('\n')
}
