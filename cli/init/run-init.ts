import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { officialImage } from '@branchline/runtime/local/pods/images'
import { printable } from '@branchline/runtime/local/printable'
import { failed, type Outcome } from '../output/outcome.ts'
import { readFolder, shortPath } from '../environment-files/folder.ts'
import { manifestText } from '../environment-files/text.ts'
import { renderFirst } from '../check/render-first.ts'
import { type InitPlan, planInit } from './plan.ts'
import { localRun, sourceFolders } from './sources.ts'
import { overlayText } from './text.ts'

/** The options of `branchline init`. */
export interface InitOptions {
  /** The name of the Environment. */
  readonly name: string
  readonly namespace?: string
  readonly force?: boolean
}

const RESOURCES = 'branchline.yaml'
const OVERLAY = 'branchline.local.yaml'

/**
 * Runs `branchline init`: writes the Environment, the Previews and the local overlay of an app next to its manifests, and
 * reports what it could not find out. Never replaces a file without `force`.
 */
export function runInit(folder: string, { name, namespace, force = false }: InitOptions): Outcome {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return failed([`${folder} is not a folder: name the folder of your manifests`])
  }
  const files = [join(folder, RESOURCES), join(folder, OVERLAY)] as const
  const present = files.filter((file) => existsSync(file))
  if (present.length > 0 && !force) {
    return failed(present.map((file) => `${shortPath(file)} exists: use --force to replace it`))
  }
  const unrendered = renderFirst(folder, 'tee OTHER/all.yaml')
  if (unrendered !== undefined) return failed([`${unrendered}, and initialise the folder OTHER`])
  const { manifests, problems } = readFolder(folder, files[0])
  const faults = problems.map(
    ({ file, line, message }) => `${file}${line === undefined ? '' : `:${line}`}: ${message}`,
  )
  if (faults.length > 0) return failed(faults)
  const folders = sourceFolders(folder)
  const plan = planInit(manifests, {
    name,
    ...(namespace !== undefined && { namespace }),
    run: (workload) => localRun(workload, folders),
    isKnownImage: (image, args) => officialImage(image, args) !== undefined,
  })
  if (plan.faults.length > 0) return failed(plan.faults)
  writeFileSync(
    files[0],
    manifestText('The environment of this folder, and the URLs that it gets.', plan.manifests),
  )
  writeFileSync(files[1], overlayText(plan.locals, resolve(folder)))
  return { exitCode: 0, stdout: printable(report(folder, name, plan, files)), stderr: '' }
}

function report(folder: string, name: string, plan: InitPlan, files: readonly [string, string]): string {
  const { entries, locals, unknown } = plan
  const lines = [
    shortPath(files[0]),
    `  Environment ${name}`,
    ...entries.map(({ service, port, reason }) => `  Preview ${service}:${port}, because ${reason}`),
    shortPath(files[1]),
    ...locals.flatMap(({ name: workload, run, isKnown, image }) => {
      if (isKnown) return [`  ${workload} needs no line: ${image} is known`]
      const { command } = run ?? {}
      if (command === undefined) return []
      return [`  ${workload}: ${typeof command === 'string' ? command : command.join(' ')}`]
    }),
    ...(unknown.length === 0 ? [] : ['not known:', ...unknown.map((it) => `  ${it}`)]),
    '',
    `next: npx branchline up ${folder}`,
  ]
  return `${lines.join('\n')}\n`
}
