import { dirname } from 'node:path'
import { sidecarFaults } from '@branchline/cdk8s/inject'
import { printable } from '@branchline/runtime/local/printable'
import { renderFirst } from '../check/render-first.ts'
import { helpLine } from '../program/faults.ts'
import {
  type InjectCommandOptions,
  injectReport,
  injectTexts,
  type InjectOutcome,
  missingEnvironment,
  uninjectTexts,
} from './inject.ts'
import { type FileProblem, manifestFiles, readManifestText } from './manifest-files.ts'
import { readStdin } from './stdin.ts'
import { joined, type Output, writeInPlace, writeToFolder } from './write-manifests.ts'

const EXIT_USAGE = 64

/** Where the manifests go. Default: standard output. */
export interface RunUninjectOptions {
  /** Print only what would change. */
  readonly check?: boolean
  /** Replace the files. */
  readonly inPlace?: boolean
  /** A folder to write the files to. */
  readonly out?: string
}

export interface RunInjectOptions extends RunUninjectOptions {
  readonly environment?: string
  /** Namespaces, separated by commas. */
  readonly above?: string
  /** The sidecar's image. Default: this release's. */
  readonly sidecarImage?: string
  /** Another header that carries the key. Default: none. */
  readonly header?: string
  /** Settings of all sidecars, each `NAME=VALUE`. A workload's annotations take precedence. */
  readonly setting?: readonly string[]
  /** Resources of all sidecars, as quantities of Kubernetes. A workload's annotations take precedence. */
  readonly sidecarCpu?: string
  readonly sidecarMemory?: string
  readonly sidecarCpuLimit?: string
  readonly sidecarMemoryLimit?: string
}

/** Runs `branchline inject`: prints or writes the manifests with the sidecar, or prints what would change. Resolves with the exit code. */
export async function runInject(paths: readonly string[], options: RunInjectOptions): Promise<number> {
  const read = await readInputs(paths, options, 'branchline inject -')
  if (typeof read === 'string') return usage(read)
  const common = injectOptions(options)
  const missing = missingEnvironment(read.inputs, common)
  if (missing !== undefined) return usage(missing)
  const faults = [...sidecarFaults(common.sidecar ?? {})]
  if (faults.length > 0) return usage(faults.join('\n'))
  return write(injectTexts(read.inputs, common), read, options)
}

function usage(message: string): number {
  process.stderr.write(`${printable(message)}\n${helpLine()}\n`)
  return EXIT_USAGE
}

/** Converts the options of the command to those of the injection. Pure. */
export function injectOptions(options: RunInjectOptions): InjectCommandOptions {
  const { environment, above, setting = [] } = options
  const sidecar = present({
    image: options.sidecarImage,
    header: options.header,
    settings: setting.length > 0 ? Object.fromEntries(setting.map(pairOf)) : undefined,
    cpu: options.sidecarCpu,
    memory: options.sidecarMemory,
    cpuLimit: options.sidecarCpuLimit,
    memoryLimit: options.sidecarMemoryLimit,
  })
  return {
    ...(environment !== undefined && { environment }),
    ...(above !== undefined && { above: above.split(',').filter((namespace) => namespace !== '') }),
    ...(Object.keys(sidecar).length > 0 && { sidecar }),
  }
}

/** Returns the fields that are set. */
const present = <T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

const pairOf = (text: string): [string, string] => {
  const equals = text.indexOf('=')
  return equals === -1 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}

/** Runs `branchline uninject`: prints or writes the manifests without the sidecar. Resolves with the exit code. */
export async function runUninject(paths: readonly string[], options: RunUninjectOptions): Promise<number> {
  const read = await readInputs(paths, options, 'branchline uninject -')
  if (typeof read === 'string') return usage(read)
  return write(uninjectTexts(read.inputs), read, options)
}

interface Inputs {
  readonly inputs: readonly Output[]
  /** Files that are not read. */
  readonly problems: readonly FileProblem[]
}

/** Reads the manifests, or returns what is wrong with the arguments. */
async function readInputs(
  paths: readonly string[],
  { inPlace = false, out }: RunUninjectOptions,
  pipe: string,
): Promise<Inputs | string> {
  if (inPlace && out !== undefined) return '--in-place and --out exclude each other: use one of them'
  if (paths.includes('-') && (inPlace || out !== undefined)) {
    return `standard input has no file to write to: print it, without ${inPlace ? '--in-place' : '--out'}`
  }
  const inputs: Output[] = []
  const problems: FileProblem[] = []
  for (const path of paths) {
    if (path === '-') {
      inputs.push({ file: 'stdin', root: '', text: await readStdin() })
      continue
    }
    const { files, problems: ignored } = manifestFiles(path)
    const isFile = files.length === 1 && files[0] === path
    const folders = isFile ? [] : [path, ...new Set(files.map(dirname))]
    const unrendered = folders.map((folder) => renderFirst(folder, pipe)).find((it) => it !== undefined)
    if (unrendered !== undefined) return unrendered
    const root = isFile ? dirname(path) : path
    for (const file of files) inputs.push({ file, root, text: readManifestText(file) })
    problems.push(...ignored)
  }
  return { inputs, problems }
}

function write(injected: InjectOutcome, { inputs, problems }: Inputs, options: RunUninjectOptions): number {
  const outcome = { ...injected, problems: [...problems, ...injected.problems] }
  const { outputs } = outcome
  const report = injectReport(outcome)
  if (options.check === true) {
    process.stdout.write(report.text)
    return report.exitCode
  }
  if (options.inPlace === true || options.out !== undefined) {
    const paths =
      options.out === undefined ? writeInPlace(inputs, outputs) : writeToFolder(options.out, inputs, outputs)
    process.stdout.write(paths.map((path) => `${printable(path)}\n`).join(''))
    // The manifests themselves are data, and pass byte for byte.
  } else process.stdout.write(joined(outputs))
  if (outcome.problems.length + outcome.findings.length > 0) process.stderr.write(report.text)
  return report.exitCode
}
