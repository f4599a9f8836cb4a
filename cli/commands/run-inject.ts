import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import {
  type InjectCommandOptions,
  type Input,
  injectReport,
  injectTexts,
  type InjectOutcome,
  missingEnvironment,
} from './inject.ts'
import { uninjectTexts } from './inject.ts'
import { manifestFiles } from './manifest-files.ts'

const EXIT_USAGE = 64

export interface RunInjectOptions {
  readonly environment?: string
  /** Namespaces, with commas between them. */
  readonly above?: string
  /** The sidecar's image. Default: this release's. */
  readonly sidecarImage?: string
  readonly check?: boolean
}

/** `branchline inject`: writes the manifests with the sidecar, or what would change; resolves with the exit code. */
export async function runInject(paths: readonly string[], options: RunInjectOptions): Promise<number> {
  const inputs = await readInputs(paths)
  const common = injectOptions(options)
  const missing = missingEnvironment(inputs, common)
  if (missing !== undefined) {
    process.stderr.write(`${missing}\n`)
    return EXIT_USAGE
  }
  return write(injectTexts(inputs, common), options.check === true)
}

/** What the options of the command say to the injection. Pure. */
export const injectOptions = ({
  environment,
  above,
  sidecarImage,
}: RunInjectOptions): InjectCommandOptions => ({
  ...(environment !== undefined && { environment }),
  ...(above !== undefined && { above: above.split(',').filter((namespace) => namespace !== '') }),
  ...(sidecarImage !== undefined && { sidecar: { image: sidecarImage } }),
})

/** `branchline uninject`: the reverse. */
export async function runUninject(paths: readonly string[], options: { check?: boolean }): Promise<number> {
  return write(uninjectTexts(await readInputs(paths)), options.check === true)
}

async function readInputs(paths: readonly string[]): Promise<Input[]> {
  const inputs: Input[] = []
  for (const path of paths) {
    if (path === '-') {
      inputs.push({ file: 'stdin', text: await text(process.stdin) })
      continue
    }
    for (const file of await manifestFiles(path)) inputs.push({ file, text: await readFile(file, 'utf8') })
  }
  return inputs
}

function write(outcome: InjectOutcome, isCheck: boolean): number {
  const report = injectReport(outcome)
  if (isCheck) {
    process.stdout.write(report.text)
    return report.exitCode
  }
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
