import { App, type Chart } from 'cdk8s'
import { Deployment } from 'cdk8s-plus-28'
import { Environment, type Manifest, SynthError } from './index.ts'
import { podTemplateOf } from './inject/manifest.ts'

export const app = () => new App({ outdir: 'not-written' })
export const objects = (chart: Chart) => chart.toJson() as Manifest[]
export const find = (chart: Chart, kind: string, name: string) =>
  objects(chart).find((it) => it.kind === kind && it.metadata.name === name) as Manifest
export const outline = (chart: Chart) =>
  objects(chart).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`)
export const sidecars = (manifest: Manifest) =>
  (podTemplateOf(manifest)?.spec?.initContainers ?? []).map(({ name }) => name)
export const faultsOf = (build: () => unknown): readonly string[] => {
  try {
    build()
  } catch (error) {
    if (error instanceof SynthError) return [error.code, ...error.faults]
    throw error
  }
  return []
}

/** A Deployment with one container. */
export function deployment(environment: Environment, name: string, image = `shop/${name}:1`): Deployment {
  return new Deployment(environment, name, { replicas: 1, containers: [{ image, portNumber: 8080 }] })
}

/** A baseline with two services, and a branch. */
export function shop() {
  const root = app()
  const baseline = new Environment(root, 'baseline', { type: 'shared' })
  const web = deployment(baseline, 'web')
  const service = web.exposeViaService({ name: 'web' })
  const pricing = deployment(baseline, 'pricing')
  pricing.exposeViaService({ name: 'pricing' })
  const alice = new Environment(root, 'alice', { type: 'branch', base: baseline })
  return { root, baseline, alice, web, pricing, service }
}
