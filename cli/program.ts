import { readFileSync } from 'node:fs'
import type { Endpoint } from '@branchline/runtime/local/network/dial'
import { Command } from 'commander'
import { addCircuitCommands } from './circuit/command.ts'
import { type CheckOptions, runCheck } from './commands/run-check.ts'
import { PLATFORM_FORMATS, type PlatformRun, runPlatform } from './commands/platform.ts'
import { type RouteExplainOptions, runRouteExplain } from './commands/route-explain.ts'
import {
  runInject,
  type RunInjectOptions,
  runUninject,
  type RunUninjectOptions,
} from './commands/run-inject.ts'
import { runUp, type RunUpOptions } from './commands/run-up.ts'
import { addInitCommand } from './init/command.ts'
import { addCompletionCommands } from './program/completion.ts'
import { egressOption, outsideHosts } from './program/egress.ts'
import { addEnvironmentCommands } from './program/environments.ts'
import { withExamples } from './program/examples.ts'
import { oneOfOption, parsedOption, tellFaults, wholeNumber } from './program/faults.ts'
import { addInspectCommands } from './program/inspect.ts'
import { addTrustCommand } from './trust/command.ts'
import { addRelayCommands } from './relay/command.ts'

const EXIT_USAGE = 64

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** The command line: every command with its arguments, its options and its action. */
export const program = new Command('branchline')
  .description('Branch environments on one shared baseline.')
  .version(version)
  // `relay` and its subcommands have options of the same names.
  .enablePositionalOptions()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))

program.commandsGroup('Run:')
const upCommand = program
  .command('up')
  .description('Run a folder of manifests on this machine, with a URL for each Preview.')
  .argument('<folder>', 'folder of manifests; changes to its files take effect immediately')
  .addOption(
    parsedOption(
      '-p, --port <number>',
      'port of the preview URLs on 127.0.0.1; 0 for any free port',
      'a whole number from 0 to 65535',
      wholeNumber(0, 65_535),
    ).default(8080),
  )
  .option('--domain <domain>', 'domain of the preview URLs', 'localhost')
  .option('--logs <pod>', 'print the output of pods whose names begin with this text; "all" for every pod')
  .option('--no-hosts', 'give pods no names: they are on loopback and find Services by environment variables')
  .addOption(
    oneOfOption(
      '--network <method>',
      'network of the pods; namespaces (default where the system allows it) gives each its own, like a container; ' +
        'loopback gives each an address of this machine',
      ['namespaces', 'loopback'],
    ),
  )
  .addOption(egressOption())
  .action(
    async (folder: string, options: Omit<RunUpOptions, 'folder' | 'egress'> & { egress?: Endpoint[] }) => {
      process.exit(await runUp({ folder, ...options, egress: outsideHosts(options.egress) }))
    },
  )
withExamples(
  upCommand,
  ['branchline up manifests/', 'run a folder; http://localhost:8080 then lists what runs'],
  ['branchline up manifests/ --port 0 --logs pricing', 'on any free port, with the output of pricing'],
)
addInitCommand(program)

addInspectCommands(program, version)
addEnvironmentCommands(program)

program.commandsGroup('Manifests:')
const checkCommand = program
  .command('check')
  .description('Check manifests without running them, or a cluster.')
  .argument('[path]', 'folder or file, or - for standard input')
  .option('--pre', 'check whether Branchline can be installed on a cluster')
  .option('--cluster', 'check an installation: versions, rights, admission, environments, sidecars, DNS')
  .option('--context <name>', 'with --pre or --cluster: context of the kubeconfig')
  .option('--kubeconfig <file>', 'with --pre or --cluster: kubeconfig file')
  .option('-n, --namespace <name>', 'with --pre or --cluster: namespace in which to try a pod with a sidecar')
  .option('--domain <domain>', 'with --pre: domain of the preview URLs, to look up')
  .addOption(oneOfOption('-o, --output <format>', 'format', ['json']))
  .action(async (path: string | undefined, options: CheckOptions) => {
    const { text, exitCode } = await runCheck(path, options, version)
    process.stdout.write(text)
    process.exitCode = exitCode
  })
withExamples(
  checkCommand,
  ['branchline check manifests/', 'a folder, in CI'],
  ['helm template shop ./chart | branchline check -', 'what a chart renders'],
  ['branchline check --pre --domain preview.example.com', 'a cluster, before the installation'],
  ['branchline check --cluster --context dev', 'a cluster with Branchline, as linkerd check does'],
)

const injectCommand = program
  .command('inject')
  .description(
    'Add the sidecar to manifests, and print them. Render a chart or a kustomization first, and pass it as -.',
  )
  .argument('<paths...>', 'files or folders, or - for standard input')
  .option(
    '-e, --environment <name>',
    'environment of the manifests; default: the Environments among the manifests, by namespace',
  )
  .option(
    '--above <namespaces>',
    'with --environment: namespaces of the environments above it, nearest first, separated by commas',
  )
  .option(
    '--sidecar-image <image>',
    'image of the sidecar, such as one on a mirror; also updates sidecars that already exist',
  )
  .option('--header <name>', 'another header that carries the key; set relay.header to the same name')
  .option(
    '--setting <name=value>',
    'wait or size of all sidecars, such as response-timeout=10m; repeatable; annotations take precedence',
    collected,
  )
  .option('--sidecar-cpu <quantity>', 'CPU that sidecars request, such as 50m; default: 10m')
  .option('--sidecar-memory <quantity>', 'memory that sidecars request, such as 128Mi; default: 64Mi')
  .option('--sidecar-cpu-limit <quantity>', 'CPU limit of sidecars; default: none')
  .option('--sidecar-memory-limit <quantity>', 'memory limit of sidecars; default: 192Mi')
  .option('--check', 'print only what would change and what is not routed')
  .option('--in-place', 'replace the files, and print the names of those that change')
  .option('--out <folder>', 'write the files to this folder, and print their names')
  .action(async (paths: string[], options: RunInjectOptions) => {
    process.exitCode = await runInject(paths, options)
  })
withExamples(
  injectCommand,
  ['branchline inject manifests/ > injected.yaml', 'a folder with its Environments'],
  ['branchline inject --in-place manifests/', 'the files themselves; uninject restores them byte for byte'],
  ['helm template shop ./chart | branchline inject -e baseline - | kubectl apply -f -', 'a chart'],
  ['kustomize build overlays/alice | branchline inject -e alice - > injected.yaml', 'a kustomization'],
  ['branchline inject --check manifests/', 'what would change, and what is not routed'],
)

const uninjectCommand = program
  .command('uninject')
  .description('Remove the sidecar from manifests, and print them.')
  .argument('<paths...>', 'files or folders, or - for standard input')
  .option('--check', 'print only what would change')
  .option('--in-place', 'replace the files, and print the names of those that change')
  .option('--out <folder>', 'write the files to this folder, and print their names')
  .action(async (paths: string[], options: RunUninjectOptions) => {
    process.exitCode = await runUninject(paths, options)
  })
withExamples(uninjectCommand, [
  'branchline uninject injected.yaml > manifests.yaml',
  'the manifests as they were',
])

program.commandsGroup('Install:')
const platformCommand = program
  .command('platform')
  .description(
    'Print or write an installation of Branchline: CRDs, manager, relay, RBAC and network policies.',
  )
  .option('--cluster <name>', 'name of this cluster at the relay; default: default')
  .option('--domain <domain>', 'domain of the preview URLs; default: localhost')
  .option('--public-url <url>', 'URL at which visitors reach the relay, with scheme, domain and port')
  .option(
    '--expose <type>',
    'type of the Service for visitors: ClusterIP (default), NodePort or LoadBalancer',
  )
  .option(
    '--relay <url>',
    'address of a relay that runs elsewhere (wss://…); no relay is then installed here',
  )
  .option(
    '--registry <host>',
    'registry of the images, such as registry.example.com or mirror.example.com/hub',
  )
  .option('--monitors', 'add PodMonitors for the Prometheus operator')
  .option('--values <file>', 'a YAML file of settings, in the format of the chart’s values.yaml')
  .addOption(
    oneOfOption(
      '--format <format>',
      'manifests for kubectl, a kustomize base, or a Helm chart whose default values are the other options',
      PLATFORM_FORMATS,
    ).default('yaml'),
  )
  .option('--out <folder>', 'folder to write the files to; the command prints their names')
  .action(async (options: PlatformRun) => {
    process.stdout.write(await runPlatform(options))
  })
withExamples(
  platformCommand,
  ['branchline platform --domain preview.example.com | kubectl apply --server-side -f -', 'install'],
  ['branchline platform --format helm --out charts/branchline', 'a Helm chart for git'],
)

program.commandsGroup('Inspect:')
const explainCommand = program
  .command('route')
  .description('Inspect the routes of requests.')
  .command('explain')
  .description('Send a request, and print which version served each hop, and why, as a tree.')
  .argument('<url>', 'URL of a preview, with an optional path; without a scheme, http')
  .option('-X, --method <method>', 'method of the request; default: GET, or POST with -d')
  .option('-H, --header <line>', 'header of the request, such as "Accept: text/html"; repeatable', collected)
  .option(
    '-d, --data <text>',
    'body of the request; @FILE reads a file, @- standard input; repeatable',
    collected,
  )
  .option('--json', 'print JSON')
  .action(async (url: string, options: RouteExplainOptions) => {
    process.stdout.write(await runRouteExplain(url, options))
  })
withExamples(
  explainCommand,
  ['branchline route explain web--alice.localhost:8080/cart', 'which version served each hop'],
  [
    `branchline route explain -H 'content-type: application/json' -d '{"sku":1}' web--alice.localhost:8080/cart`,
    'of a POST',
  ],
)

/** The values of an option that may be given several times. */
function collected(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
withExamples(explainCommand, [
  'branchline route explain http://web--alice.localhost:8080/',
  'which version served each hop',
])

addCircuitCommands(program)
addTrustCommand(program)
addRelayCommands(program, version)
addCompletionCommands(program)

tellFaults(program, () => process.exit(EXIT_USAGE))
