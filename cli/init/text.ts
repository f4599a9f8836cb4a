import { relative, sep } from 'node:path'
import { stringify } from 'yaml'
import type { LocalWorkload } from './plan.ts'

const HEAD = `# How the workloads of this folder run on a laptop, with branchline up. It is no manifest: leave it out of kubectl apply,
# and exclude it in Argo CD. Each line is WORKLOAD: { command, dir, watch, env }. The command is a line for the shell or a
# list, dir is relative to this file, and a change of a file in watch restarts the command.
`

/** Returns the text of `branchline.local.yaml` for a folder. What is not known is a comment. */
export function overlayText(locals: readonly LocalWorkload[], folder: string): string {
  const lines = locals.filter(({ isKnown }) => !isKnown).map((local) => overlayLine(local, folder))
  return `${HEAD}\n${lines.length === 0 ? '# All workloads run without an entry.\n' : lines.join('')}`
}

function overlayLine({ name, image, run }: LocalWorkload, folder: string): string {
  const dir = run === undefined ? '.' : pathFrom(folder, run.dir)
  const command = run?.command
  if (command !== undefined) return entry(name, { command, dir })
  const line = entry(name, { command: 'COMMAND', dir })
  return `# The command of ${image === '' ? 'the image' : image} is not known. Complete it:\n# ${line}`
}

/** A line for one workload, such as `web: { command: npm start, dir: ../web }`. YAML 1.1 quotes names such as `on`. */
function entry(name: string, settings: object): string {
  const options = { version: '1.1', lineWidth: 0, flowCollectionPadding: false } as const
  return `${stringify(name, options).trim()}: ${stringify(settings, { ...options, collectionStyle: 'flow' })}`
}

/** A path relative to a folder, with slashes. */
const pathFrom = (folder: string, path: string): string => relative(folder, path).split(sep).join('/') || '.'
