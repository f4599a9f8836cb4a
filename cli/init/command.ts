import type { Command } from 'commander'
import { show } from '../output/outcome.ts'
import { withExamples } from '../program/examples.ts'
import { type InitOptions, runInit } from './run-init.ts'

/** Adds `branchline init`. */
export function addInitCommand(program: Command): void {
  const command = program
    .command('init')
    .description(
      'Write the Environment and the Previews of an app, and how it runs on this machine, next to its manifests: ' +
        'branchline.yaml and branchline.local.yaml. Prints what it could not find out.',
    )
    .argument('<folder>', 'folder of manifests')
    .option('--name <name>', 'name of the Environment', 'baseline')
    .option('-n, --namespace <name>', 'namespace of the app, if the manifests have several')
    .option('--force', 'replace files that exist')
    .action((folder: string, options: InitOptions) => {
      show(runInit(folder, options))
    })
  withExamples(
    command,
    ['branchline init k8s/', 'the first step with an app of your own'],
    ['branchline init k8s/ --name staging -n shop', 'another name, and one of several namespaces'],
  )
}
