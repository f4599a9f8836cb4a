import type { ImageCommand } from './command.ts'
import { findProgram } from './sandbox.ts'

/** The name of an official image of Docker Hub, also behind common mirrors. */
const OFFICIAL =
  /^(?:(?:(?:index\.)?docker\.io|mirror\.gcr\.io|public\.ecr\.aws\/docker)\/)?(?:library\/)?([a-z0-9][a-z0-9.-]*)(?::[^/@]+)?(?:@.+)?$/

/** Whether a program can be found on this machine. */
type Finds = (program: string) => boolean
type Entrypoint = (args: readonly string[], finds: Finds) => ImageCommand

/** An image without an entrypoint: the arguments are the whole command. */
const plain =
  (...command: string[]): Entrypoint =>
  (args) => ({ command: args.length > 0 ? [] : command })

/** The entrypoint of the node image: everything that is not a program is for node. */
const node: Entrypoint = ([first], finds) => ({
  command: first === undefined || first.startsWith('-') || !finds(first) ? ['node'] : [],
})

/** The entrypoint of redis and of its descendants, which accept connections from everywhere in their image. */
const redis =
  (server: string): Entrypoint =>
  ([first]) => {
    if (first?.endsWith('.conf') === true) return { command: [server], isolated: true }
    const isServer = first === undefined || first.startsWith('-')
    const open = [server, '--protected-mode', 'no', '--bind', '$(POD_IP)']
    return isServer ? { command: open, isolated: true } : { command: [], isolated: true }
  }

const shell = plain('sh')
const ENTRYPOINTS: Readonly<Record<string, Entrypoint>> = {
  alpine: shell,
  busybox: shell,
  debian: shell,
  'eclipse-temurin': plain('java', '-version'),
  golang: shell,
  node,
  perl: plain('perl', '-de0'),
  php: plain('php', '-a'),
  python: plain('python3'),
  redis: redis('redis-server'),
  ruby: plain('irb'),
  ubuntu: shell,
  valkey: redis('valkey-server'),
}

/**
 * What an official image of an interpreter, a shell or Redis runs, from its published entrypoint. The arguments follow
 * the command. Undefined for other images.
 */
export function officialImage(
  image: string,
  args: readonly string[],
  finds: Finds = (program) => findProgram(program) !== undefined,
): ImageCommand | undefined {
  const name = OFFICIAL.exec(image)?.[1]
  const entrypoint = name !== undefined && Object.hasOwn(ENTRYPOINTS, name) ? ENTRYPOINTS[name] : undefined
  return entrypoint?.(args, finds)
}
