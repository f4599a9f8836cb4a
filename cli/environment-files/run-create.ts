import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Manifest } from '@branchline/cdk8s/inject'
import { printable } from '@branchline/runtime/local/printable'
import { findRuns } from '@branchline/runtime/local/runs'
import { environmentName } from '@branchline/wire/environment-name'
import { failed, type Outcome } from '../output/outcome.ts'
import { CliError } from '../platform/errors.ts'
import { chooseTarget, type TargetOptions } from '../target/choose.ts'
import type { OverrideArgument, PreviewArgument } from './arguments.ts'
import { createEnvironment, type CreatedEnvironment, type CreateRequest } from './create.ts'
import { readFolder, shortPath } from './folder.ts'
import { gitBranch } from './git-branch.ts'
import { programText } from './program-text.ts'
import { manifestText } from './text.ts'

/** The options of `branchline env create`. */
export interface CreateOptions extends TargetOptions {
  readonly base: string
  readonly override?: readonly OverrideArgument[]
  readonly preview?: readonly PreviewArgument[]
  /** A folder or a file with the manifests of the base. Default: that of the running `up`, or the cluster. */
  readonly from?: string
  /** The folder to write to. Default: standard output. */
  readonly out?: string
  /** The git branch that gives the name, or true for the one that is checked out. */
  readonly nameFromGit?: string | true
  readonly ttl?: string
  readonly inject?: boolean
  readonly force?: boolean
  /** Writes a program with constructs instead of manifests. */
  readonly ts?: boolean
}

/** Runs `branchline env create`: prints or writes the manifests of a branch. Rejects with a CliError for wrong arguments. */
export async function runCreate(given: string | undefined, said: CreateOptions): Promise<Outcome> {
  checkName(given, said)
  const options = { ...said, ...folderOfUp(said) }
  const { from, out, ts = false } = options
  if (ts && from === undefined) {
    throw new CliError(
      'BL_USAGE',
      '--ts needs --from FOLDER, because the program reads the manifests of the base from there',
    )
  }
  const name = given ?? environmentName(await branchOf(options.nameFromGit))
  const file = out === undefined ? undefined : join(out, `${name}.${ts ? 'ts' : 'yaml'}`)
  if (file !== undefined && options.force !== true && existsSync(file)) {
    return failed([`${shortPath(file)} exists: use --force to replace it`])
  }
  const source = await readSource(options, file)
  if (source.faults.length > 0) return failed(source.faults)
  const request = requestOf(name, options)
  const created = createEnvironment(request, source.manifests)
  if (created.faults.length > 0) return failed(created.faults)
  const notes = created.notes.map((note) => `note: ${printable(note)}\n`).join('')
  const text = textOf(request, options, created)
  if (file === undefined || out === undefined) return { exitCode: 0, stdout: text, stderr: notes }
  mkdirSync(out, { recursive: true })
  writeFileSync(file, text)
  return { exitCode: 0, stdout: `${shortPath(file)}\n`, stderr: notes + nextCommand(file, options, created) }
}

function checkName(given: string | undefined, { nameFromGit }: CreateOptions): void {
  if ((given === undefined) !== (nameFromGit === undefined)) return
  const what = given === undefined ? 'no name is given' : 'two names are given'
  throw new CliError('BL_USAGE', `${what}: use either NAME or --name-from-git`)
}

const requestOf = (name: string, options: CreateOptions): CreateRequest => ({
  name,
  base: options.base,
  overrides: options.override ?? [],
  previews: options.preview ?? [],
  ...(options.ttl !== undefined && { ttl: options.ttl }),
  ...(options.inject !== undefined && { inject: options.inject }),
  ...(options.force !== undefined && { force: options.force }),
})

function textOf(request: CreateRequest, options: CreateOptions, created: CreatedEnvironment): string {
  const { from, out, ts } = options
  const comment = commandLine(request, options)
  if (ts !== true || from === undefined) return manifestText(comment, created.manifests)
  return programText(comment, request, created, {
    path: pathFrom(out, from),
    isBesideProgram: out !== undefined,
  })
}

/** The path of the base as the program sees it, with slashes. */
const pathFrom = (out: string | undefined, from: string): string =>
  (out === undefined ? from : relative(out, from)).split(sep).join('/')

const branchOf = (nameFromGit: string | true | undefined): string | Promise<string> =>
  typeof nameFromGit === 'string' ? nameFromGit : gitBranch('.')

/** Without `--from` and without a cluster, the base is what `branchline up` runs. */
function folderOfUp({ from, context, kubeconfig, up }: CreateOptions): { from?: string } {
  if (from !== undefined) return { from }
  const runs = findRuns()
  if (runs.length === 0 && context === undefined && kubeconfig === undefined && up === undefined) {
    throw new CliError(
      'BL_USAGE',
      'it is not clear where the base is: name its manifests with --from FOLDER, or a cluster with --context NAME',
    )
  }
  const choice = chooseTarget({ context, kubeconfig, up }, runs)
  return choice.type === 'up' ? { from: shortPath(choice.run.folder) } : {}
}

/** Reads the manifests of the base. The file that is replaced is not one of them. */
async function readSource(
  { base, from, kubeconfig, context }: CreateOptions,
  replaced: string | undefined,
): Promise<{ manifests: Manifest[]; faults: string[] }> {
  if (from !== undefined) {
    const { manifests, problems } = readFolder(from, replaced)
    const faults = problems.map(
      ({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`,
    )
    return { manifests, faults }
  }
  // The client library is large, and the other commands do not need it.
  const { readCluster } = await import('./cluster.ts')
  const manifests = await readCluster(base, {
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  })
  const faults = manifests.some(({ kind }) => kind === 'Environment')
    ? []
    : ['the cluster has no Environment: apply that of the base first, or use --from FOLDER']
  return { manifests, faults }
}

/** The command that creates the same environment again. */
function commandLine(
  { name, base, overrides, previews, ttl }: CreateRequest,
  { from, ts }: CreateOptions,
): string {
  return [
    `branchline env create ${name} --base ${base}`,
    ...overrides.map(
      ({ workload, container, image }) =>
        `--override ${workload}${container === undefined ? '' : `/${container}`}=${image}`,
    ),
    ...previews.map(({ service, port }) => `--preview ${service}${port === undefined ? '' : `:${port}`}`),
    ...(ttl === undefined ? [] : [`--ttl ${ttl}`]),
    ...(from === undefined ? [] : [`--from ${from}`]),
    ...(ts === true ? ['--ts'] : []),
  ].join(' ')
}

/** The commands that use the file, on this machine if the base is there too, and on a cluster. */
function nextCommand(file: string, { from, ts }: CreateOptions, { isInjected }: CreatedEnvironment): string {
  const path = shortPath(file)
  if (ts === true) return `next: node ${path}, which writes a file to dist/\n`
  const isInside = from !== undefined && !relative(from, file).startsWith('..')
  const inputs = isInside ? from : [from, path].filter((input) => input !== undefined).join(' ')
  const cluster = isInjected
    ? `kubectl apply -f ${path}`
    : `npx branchline inject ${inputs} | kubectl apply -f -`
  if (!isInside) return `next: ${cluster}\n`
  return `next, on this machine: npx branchline up ${from}\nor, on a cluster: ${cluster}\n`
}
