import { basename } from 'node:path'
import { ANNOTATIONS } from '@branchline/wire/names'
import { LocalError } from '../errors.ts'
import { expand } from './expand.ts'
import type { Container } from '../kubernetes.ts'
import { OVERLAY_FILE } from '../manifests/files.ts'
import { containerAnnotation } from '../manifests/local-settings.ts'

/** The command that replaces an image on this machine. */
export interface ImageCommand {
  /** The entrypoint. */
  readonly command: readonly string[]
  /** Variables that it needs here. `$(POD_IP)` and others are expanded. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether it runs in an empty folder, because it writes files to its working directory. Default: false. */
  readonly isolated?: boolean
}

/** Finds the command for an image. Undefined if it is not known. */
export type ImageResolver = (image: string) => ImageCommand | undefined

/** The settings of a container in the annotations of its pod. */
export interface LocalSettings {
  readonly command?: string
  readonly dir?: string
  readonly watch?: string
}

/**
 * The settings of a container: the annotations with its name, such as `local-command.branchline.dev/worker`, and those
 * without a name if it is the first that is not a sidecar.
 */
export function localSettings(
  annotations: Readonly<Record<string, string>>,
  container: string,
  isMain: boolean,
): LocalSettings {
  const get = (annotation: string): string | undefined =>
    annotations[containerAnnotation(annotation, container)] ?? (isMain ? annotations[annotation] : undefined)
  const command = get(ANNOTATIONS.localCommand)
  const dir = get(ANNOTATIONS.localDir)
  const watch = get(ANNOTATIONS.localWatch)
  return {
    ...(command !== undefined && { command }),
    ...(dir !== undefined && { dir }),
    ...(watch !== undefined && { watch }),
  }
}

export interface CommandSources {
  readonly container: Container
  /** The command of its {@link LocalSettings}. */
  readonly local: string | undefined
  readonly variables: Readonly<Record<string, string>>
  /** Replaces paths in a part, before its variables. */
  readonly rewrite: (part: string) => string
  readonly image: ImageCommand | undefined
  /** How to give it a command, see {@link commandHint}. */
  readonly hint: string
}

/**
 * The command that a container runs: that for this machine (a JSON list, or a line for the shell), or else its `command`
 * or that of its image, with `args`. Throws a {@link LocalError} if there is none.
 */
export function containerCommand(sources: CommandSources): string[] {
  const { container, local, variables, rewrite, image, hint } = sources
  const expanded = (parts: readonly string[]): string[] =>
    parts.map((part) => expand(rewrite(part), variables))
  if (local !== undefined) return localCommand(local, expanded, rewrite)
  const command = container.command ?? image?.command
  const whole = command === undefined ? [] : [...command, ...(container.args ?? [])]
  if (whole.length > 0) return expanded(whole)
  throw new LocalError(
    'BL_LOCAL_NO_COMMAND',
    `container ${container.name}: image ${container.image ?? '(none)'} does not run here, only commands do: ${hint}`,
  )
}

/** The error of a container whose own command on this machine names a program that is not here. */
export const missingLocalProgram = (container: Container, program: string): LocalError =>
  new LocalError(
    'BL_LOCAL_NO_COMMAND',
    `container ${container.name}: the program ${program} is not on this machine: install it, or correct the command in ${OVERLAY_FILE}`,
  )

/** The error about a program that this machine does not have. */
export const missingProgram = (container: Container, program: string, hint: string): LocalError =>
  new LocalError(
    'BL_LOCAL_NO_COMMAND',
    `container ${container.name}: the program ${program} is not on this machine: install it, or ${hint}`,
  )

function localCommand(
  line: string,
  expanded: (parts: readonly string[]) => string[],
  rewrite: (part: string) => string,
): string[] {
  if (!line.trimStart().startsWith('[')) return ['sh', '-c', rewrite(line)]
  try {
    const parts: unknown = JSON.parse(line)
    if (Array.isArray(parts) && parts.length > 0 && parts.every((part) => typeof part === 'string')) {
      return expanded(parts)
    }
  } catch {
    // Reported below.
  }
  throw new LocalError(
    'BL_LOCAL_NO_COMMAND',
    `annotation ${ANNOTATIONS.localCommand} is ${line}: wanted a line for the shell, or a JSON list of strings`,
  )
}

/** How a container belongs to its workload. */
export type Role = 'main' | 'other' | 'init'

/** The line for {@link OVERLAY_FILE} that gives a container a command, as the end of a sentence. */
export function commandHint(workload: string, container: Container, role: Role): string {
  const { name, command = [], args = [] } = container
  const [given = `/${name}`] = command
  // A program of the image's own, such as /app/server, is likely to be in the folder of the app.
  const program = given.includes('/') ? `./${basename(given)}` : given
  const line = [program, ...[...command.slice(1), ...args].map(quoted)].join(' ')
  const settings = `{ command: ${JSON.stringify(line)}, dir: "." }`
  const whole = role === 'main' ? settings : `{ containers: { ${yamlKey(name)}: ${settings} } }`
  const skip = role === 'init' ? ' (the command "true" skips it)' : ''
  return `add this line to ${OVERLAY_FILE}, with the command and the folder in which it runs${skip}: ${yamlKey(workload)}: ${whole}`
}

/** A word for the shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`

/** A key that no version of YAML reads as anything but a text. */
const yamlKey = (name: string): string =>
  /^(?:y|n|yes|no|on|off|true|false|null|[\d.e-]+)$/.test(name) ? JSON.stringify(name) : name
