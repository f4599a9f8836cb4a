import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'cdk8s'
import { alice } from './shop/alice.ts'
import { baseline } from './shop/baseline.ts'
import { bob } from './shop/bob.ts'

/** Adds an environment and its workloads to an app. */
export type Build = (app: App) => void

/** The environments of the sample, by name. */
export const SHOP: Readonly<Record<'baseline' | 'alice' | 'bob', Build>> = { baseline, alice, bob }

/** Synthesises the manifests of an environment as one YAML text. Throws a SynthError for invalid input. */
export function synthesise(build: Build): string {
  const app = new App()
  build(app)
  return app.synthYaml()
}

/** Writes the sample's manifests to a folder, one file per environment. */
export function synthesiseShop(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, build] of Object.entries(SHOP)) {
    writeFileSync(join(folder, `${name}.yaml`), synthesise(build))
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) throw new Error('usage: node gitops/synth.ts FOLDER')
  synthesiseShop(folder)
}
