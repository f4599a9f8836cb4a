import type { Command } from 'commander'
import { show } from '../output/outcome.ts'
import { withExamples } from '../program/examples.ts'
import { repeatedOption } from '../program/faults.ts'
import { withTarget } from '../program/target-options.ts'
import { parseOverride, parsePreview } from './arguments.ts'
import { type CreateOptions, runCreate } from './run-create.ts'

/** Adds `branchline env create`. */
export function addCreateCommand(env: Command): void {
  const command = env
    .command('create')
    .description(
      'Print or write the manifests of a branch: copies of workloads of its base with other images, with their Services ' +
        'and what their pods name. Values of Secrets are copied only from a folder.',
    )
    .argument('[name]', 'name of the environment; or use --name-from-git')
    .requiredOption(
      '--base <environment>',
      'environment that serves the services which the branch does not run',
    )
    .addOption(
      repeatedOption(
        '--override <service=image>',
        'service that the branch runs, and its image; SERVICE/CONTAINER=IMAGE for one of several containers',
        'SERVICE=IMAGE, such as pricing=shop/pricing:pr-7',
        parseOverride,
      ),
    )
    .addOption(
      repeatedOption(
        '--preview <service>',
        'service that gets a URL; SERVICE:PORT if it has several ports',
        'SERVICE or SERVICE:PORT, such as web or web:8080',
        parsePreview,
      ),
    )
    .option(
      '--from <folder>',
      'folder or file with the manifests of the base; default: the folder of the running up, or the cluster of --context',
    )
    .option('--out <folder>', 'folder to write to, as NAME.yaml; default: standard output')
    .option(
      '--name-from-git [branch]',
      'take the name from a git branch, such as feature-x-1 from feature/X_1; default: the one that is checked out',
    )
    .option('--ttl <duration>', 'time until the environment expires, such as 72h; default: it never expires')
    .option('--inject', 'add the sidecar; default: if the workload of the base has it')
    .option('--no-inject', 'do not add the sidecar')
    .option('--ts', 'write a TypeScript program with constructs; needs --from')
    .option('--force', 'replace a file or an environment of this name')
    .action(async (name: string | undefined, options: CreateOptions) => {
      show(await runCreate(name, options))
    })
  withExamples(
    withTarget(command),
    [
      'branchline env create alice --base baseline --override pricing=shop/pricing:pr-7 --preview web --from k8s/ --out k8s/',
      'for branchline up k8s/',
    ],
    [
      'branchline env create --name-from-git --base baseline --override pricing=shop/pricing:pr-7 --context dev | kubectl apply -f -',
      'on a cluster, from what runs there',
    ],
  )
}
