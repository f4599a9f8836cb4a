import { ANNOTATIONS } from '@branchline/wire/names'
import { LocalError } from '../errors.ts'
import { expand } from './expand.ts'
import type { Container } from '../kubernetes.ts'

/** The command that replaces an image on this machine. */
export interface ImageCommand {
  /** The entrypoint. */
  readonly command: readonly string[]
  /** Variables that it needs here. `$(POD_IP)` and others are expanded. */
  readonly env?: Readonly<Record<string, string>>
}

/** Finds the command for an image. Undefined if it is not known. */
export type ImageResolver = (image: string) => ImageCommand | undefined

export interface CommandSources {
  readonly container: Container
  /** Whether the pod template's annotations apply to this container: the first that is not a sidecar. */
  readonly isMain: boolean
  readonly annotations: Readonly<Record<string, string>>
  readonly variables: Readonly<Record<string, string>>
  readonly image: ImageCommand | undefined
}

/**
 * The command that a container runs: from its annotation (a JSON list, or a line for the shell), or else its `command`
 * or that of its image, with `args`. Throws a {@link LocalError} if there is none.
 */
export function containerCommand(sources: CommandSources): string[] {
  const { container, isMain, annotations, variables, image } = sources
  const local = isMain ? annotations[ANNOTATIONS.localCommand] : undefined
  const expanded = (parts: readonly string[]): string[] => parts.map((part) => expand(part, variables))
  if (local !== undefined) return localCommand(local, expanded)
  const command = container.command ?? image?.command
  if (command !== undefined && command.length > 0) return expanded([...command, ...(container.args ?? [])])
  throw new LocalError(
    'BL_LOCAL_NO_COMMAND',
    `container ${container.name}: image ${container.image ?? '(none)'} does not run here, only commands do: ` +
      `give the container a command, or the pod template the annotation ${ANNOTATIONS.localCommand}`,
  )
}

function localCommand(line: string, expanded: (parts: readonly string[]) => string[]): string[] {
  if (!line.trimStart().startsWith('[')) return ['sh', '-c', line]
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
