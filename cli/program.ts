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

/** The command line: every command with its arguments, options and action. */
export const program = new Command('branchline')
  .description('Branch environments on one shared baseline.')
  .version(version)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))

program
  .command('up')
  .description('Run a folder of manifests on this machine, with a preview URL for each Preview.')
  .argument('<folder>', 'the folder; it is watched, and what changes there changes here')
  .option('-p, --port <number>', 'the port of 127.0.0.1 where previews answer; 0 for any', portOf, 8080)
  .option('--domain <domain>', 'the domain of preview hosts', 'localhost')
  .option('--logs <pod>', 'show what the pods write whose names begin so; "all" for every pod')
  .option('--no-hosts', 'give pods no hosts file: they find Services by variables')
  .action(
    async (folder: string, options: { port: number; domain: string; logs?: string; hosts: boolean }) => {
      process.exit(await runUp({ folder, ...options }))
    },
  )

program
  .command('check')
  .description('Say what is wrong with the manifests of a folder or a file; nothing is run.')
  .argument('<path>', 'the folder or the file')
  .action(async (path: string) => {
    const { text, exitCode } = checkReport(await check(path))
    process.stdout.write(text)
    process.exitCode = exitCode
  })

program
  .command('inject')
  .description('Add the sidecar to manifests; they go to standard output.')
  .argument('<paths...>', 'files or folders, or - for standard input')
  .option(
    '-e, --environment <name>',
    'to which environment they belong; default: the Environments among them',
  )
  .option('--above <namespaces>', 'with --environment: the namespaces above it, nearest first, with commas')
  .option(
    '--sidecar-image <image>',
    'the sidecar’s image, on a mirror or of your own; also where one is already',
  )
  .option('--header <name>', 'a header that carries the key too; tell the relay of it (relay.header)')
  .option(
    '--setting <name=value>',
    'waits and sizes of all sidecars, e.g. response-timeout=10m (repeatable); annotations win',
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  )
  .option('--check', 'only say what would change, and what is not routed')
  .action(async (paths: string[], options: RunInjectOptions) => {
    process.exitCode = await runInject(paths, options)
  })

program
  .command('uninject')
  .description('Take the sidecar out of manifests again; they go to standard output.')
  .argument('<paths...>', 'files or folders, or - for standard input')
  .option('--check', 'only say what would change')
  .action(async (paths: string[], options: { check?: boolean }) => {
    process.exitCode = await runUninject(paths, options)
  })

program
  .command('platform')
  .description(
    'What installs Branchline: CRDs, manager, relay, rights, network policies; as YAML, kustomize or Helm.',
  )
  .option('--cluster <name>', 'the name of this cluster at the relay; default: default')
  .option('--domain <domain>', 'the domain below which previews have their hosts; default: localhost')
  .option('--public-url <url>', 'where visitors open previews: scheme, domain and port')
  .option('--expose <type>', 'how visitors reach the relay: ClusterIP (default), NodePort or LoadBalancer')
  .option('--relay <url>', 'the address of a relay elsewhere (wss://…), in place of one here')
  .option('--monitors', 'add PodMonitors for the Prometheus operator')
  .option('--values <file>', 'a YAML file of settings, in the format of the chart’s values.yaml')
  .addOption(
    new Option(
      '--format <format>',
      'yaml: for kubectl; kustomize: a base; helm: a chart, options its defaults',
    )
      .choices(PLATFORM_FORMATS)
      .default('yaml'),
  )
  .option('--out <folder>', 'write files to this folder, and print their names')
  .action(async (options: PlatformRun) => {
    process.stdout.write(await runPlatform(options))
  })

program
  .command('route')
  .description('Routes of requests.')
  .command('explain')
  .description('Send a request and print the way that it took, as a tree of hops.')
  .argument('<url>', 'a preview’s URL, with a path if need be')
  .option('-X, --method <method>', 'the method of the request', 'GET')
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
