import { sidecarFaults } from '@branchline/cdk8s/inject'
import { printable } from '@branchline/runtime/local/printable'
import {
  type InjectCommandOptions,
  type Input,
  injectReport,
  injectTexts,
  type InjectOutcome,
  missingEnvironment,
} from './inject.ts'
import { uninjectTexts } from './inject.ts'
import { type FileProblem, manifestFiles, readManifestText } from './manifest-files.ts'
import { readStdin } from './stdin.ts'

const EXIT_USAGE = 64

export interface RunInjectOptions {
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
  readonly check?: boolean
}

/** Runs `branchline inject`: prints the manifests with the sidecar, or what would change. Resolves with the exit code. */
export async function runInject(paths: readonly string[], options: RunInjectOptions): Promise<number> {
  const read = await readInputs(paths)
  const common = injectOptions(options)
  const missing = missingEnvironment(read.inputs, common)
  if (missing !== undefined) {
    process.stderr.write(`${printable(missing)}\n`)
    return EXIT_USAGE
  }
  const faults = [...sidecarFaults(common.sidecar ?? {})]
  if (faults.length > 0) {
    process.stderr.write(`${printable(faults.join('\n'))}\n`)
    return EXIT_USAGE
  }
  return write(injectTexts(read.inputs, common), read.problems, options.check === true)
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

/** Runs `branchline uninject`: prints the manifests without the sidecar. Resolves with the exit code. */
export async function runUninject(paths: readonly string[], options: { check?: boolean }): Promise<number> {
  const read = await readInputs(paths)
  return write(uninjectTexts(read.inputs), read.problems, options.check === true)
}

interface Inputs {
  readonly inputs: Input[]
  /** Files that are not read. */
  readonly problems: FileProblem[]
}

async function readInputs(paths: readonly string[]): Promise<Inputs> {
  const read: Inputs = { inputs: [], problems: [] }
  for (const path of paths) {
    if (path === '-') {
      read.inputs.push({ file: 'stdin', text: await readStdin() })
      continue
    }
    const { files, problems } = manifestFiles(path)
    for (const file of files) read.inputs.push({ file, text: readManifestText(file) })
    read.problems.push(...problems)
  }
  return read
}

function write(injected: InjectOutcome, unread: readonly FileProblem[], isCheck: boolean): number {
  const outcome = { ...injected, problems: [...unread, ...injected.problems] }
  const report = injectReport(outcome)
  if (isCheck) {
    process.stdout.write(report.text)
    return report.exitCode
  }
  // The manifests themselves are data, and pass byte for byte.
  process.stdout.write(joined(outcome.outputs))
  const { problems, findings } = outcome
  if (problems.length + findings.length > 0) process.stderr.write(report.text)
  return report.exitCode
}

/** Several files as one stream of documents; one file as it is. */
function joined(outputs: readonly Input[]): string {
  return outputs
    .map(({ text: output }, index) => {
      const isApart = index === 0 || output.startsWith('---')
      return `${isApart ? '' : '---\n'}${output}${output === '' || output.endsWith('\n') ? '' : '\n'}`
    })
    .join('')
}
