import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { check, checkReport } from './commands/check.ts'
import { PLATFORM_FORMATS, type PlatformRun, runPlatform } from './commands/platform.ts'
import { explainRoute, explainText } from './commands/route-explain.ts'
import { runInject, type RunInjectOptions, runUninject } from './commands/run-inject.ts'
import { runUp } from './commands/run-up.ts'

const EXIT_USAGE = 64

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** The command line: every command with its arguments, its options and its action. */
export const program = new Command('branchline')
  .description('Branch environments on one shared baseline.')
  .version(version)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))

program
  .command('up')
  .description('Run a folder of manifests on this machine, with a URL for each Preview.')
  .argument('<folder>', 'folder of manifests; changes to its files take effect immediately')
  .option('-p, --port <number>', 'port of the preview URLs on 127.0.0.1; 0 for any free port', portOf, 8080)
  .option('--domain <domain>', 'domain of the preview URLs', 'localhost')
  .option('--logs <pod>', 'print the output of pods whose names begin with this text; "all" for every pod')
  .option('--no-hosts', 'do not give pods a hosts file; pods then find Services by environment variables')
  .action(
    async (folder: string, options: { port: number; domain: string; logs?: string; hosts: boolean }) => {
      process.exit(await runUp({ folder, ...options }))
    },
  )

program
  .command('check')
  .description('Check the manifests of a folder or a file, without running them.')
  .argument('<path>', 'folder or file')
  .action(async (path: string) => {
    const { text, exitCode } = checkReport(await check(path))
    process.stdout.write(text)
    process.exitCode = exitCode
  })

program
  .command('inject')
  .description('Add the sidecar to manifests, and print them.')
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
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  )
  .option('--check', 'print only what would change and what is not routed')
  .action(async (paths: string[], options: RunInjectOptions) => {
    process.exitCode = await runInject(paths, options)
  })

program
  .command('uninject')
  .description('Remove the sidecar from manifests, and print them.')
  .argument('<paths...>', 'files or folders, or - for standard input')
  .option('--check', 'print only what would change')
  .action(async (paths: string[], options: { check?: boolean }) => {
    process.exitCode = await runUninject(paths, options)
  })

program
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
    new Option(
      '--format <format>',
      'yaml: manifests for kubectl; kustomize: a base; helm: a chart whose default values are the other options',
    )
      .choices(PLATFORM_FORMATS)
      .default('yaml'),
  )
  .option('--out <folder>', 'folder to write the files to; the command prints their names')
  .action(async (options: PlatformRun) => {
    process.stdout.write(await runPlatform(options))
  })

program
  .command('route')
  .description('Inspect the routes of requests.')
  .command('explain')
  .description('Send a request, and print which version served each hop, and why, as a tree.')
  .argument('<url>', 'URL of a preview, with an optional path')
  .option('-X, --method <method>', 'method of the request', 'GET')
  .option('--json', 'print JSON')
  .action(async (url: string, options: { method: string; json?: boolean }) => {
    const explained = await explainRoute(url, { method: options.method })
    const text =
      options.json === true ? `${JSON.stringify(explained, undefined, 2)}\n` : explainText(explained)
    process.stdout.write(text)
  })

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new InvalidArgumentError('wanted a whole number from 0 to 65535')
}
