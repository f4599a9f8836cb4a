import { fileURLToPath } from 'node:url'
import type { EnvironmentValue, WorkloadProps } from '@branchline/cdk8s'
import { CREDENTIALS } from './credentials.ts'

/** The version of a workload whose program exits immediately, like a broken pull request. */
const BROKEN = 'broken'

/** The folder of the services' programs. The embedded cluster runs them without images. */
const PROGRAMS = fileURLToPath(new URL('../../test-e2e/shop', import.meta.url))
const DB_USER = 'shop'

/** The shop's front. */
export const web = (version: string): WorkloadProps => service('web', version)

/** The shop's API. */
export const api = (version: string): WorkloadProps => service('api', version)

/** The shop's worker, with an HTTP port and a raw TCP port. Its Service does not declare the protocol of the latter. */
export const worker = (version: string): WorkloadProps => ({
  ...service('worker', version),
  ports: { echo: 7070 },
  env: { ...identity(version), PORT: 8080, ...DATABASE },
})

/** The shop's database, PostgreSQL. */
export const db = (): WorkloadProps => ({
  image: 'shop/db:18',
  ports: { postgres: 5432 },
  health: 'tcp',
  env: { ...identity('18'), PORT: 5432, ...DATABASE },
  local: local('db'),
})

function service(name: string, version: string): WorkloadProps {
  return {
    image: `shop/${name}:${version}`,
    port: 8080,
    health: '/healthz',
    env: { ...identity(version), PORT: 8080 },
    local: version === BROKEN ? { command: 'exit 1' } : local(name),
  }
}

/** The variables from which a service describes itself in its responses. */
const identity = (version: string): Record<string, EnvironmentValue> => ({
  VERSION: version,
  ENVIRONMENT: { field: 'metadata.namespace' },
  POD_NAME: { field: 'metadata.name' },
})

const DATABASE: Record<string, EnvironmentValue> = { DB_USER, DB_NAME: DB_USER, DB_PASSWORD: CREDENTIALS }

const local = (name: string): { command: string[]; dir: string } => ({
  command: ['node', `${name}.ts`],
  dir: PROGRAMS,
})
