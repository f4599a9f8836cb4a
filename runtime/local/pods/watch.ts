import { statSync, type Stats } from 'node:fs'
import { dirname, matchesGlob, relative, resolve, sep } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import { isWithin } from './mounts.ts'

/** How long to collect further changes after one, in milliseconds. An editor or a compiler writes several files. */
const SETTLE_MS = 150
/** The maximum number of folders that one container watches. */
const MAX_FOLDERS = 5_000
/** More restarts than this within {@link LOOP_MS} are likely to be caused by the container's own files. */
const LOOP_RESTARTS = 10
const LOOP_MS = 60_000

export interface WatchOptions {
  /** Files, folders or globs. Relative ones start at `folder`. */
  readonly patterns: readonly string[]
  readonly folder: string
  /** Called after a change, with the path of a changed file relative to the folder. */
  readonly onChange: (path: string) => void
  /** Called with a sentence without its subject, the watch: that it has ended, or why it may not do what is meant. */
  readonly onWarning: (message: string) => void
}

const GLOB = /[*?[\]{}!]/
/** Files that are not the source of anything: of version control, packages, caches and editors. */
const IGNORED = /^(?:\..*|node_modules|__pycache__|.*\.py[co]|.*~|#.*#|.*\.sw[px]|4913)$/

/** The patterns of an annotation: a JSON list, or a text with commas. */
export function parsePatterns(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list.map(String)
  } catch {
    // Not a list: a text with commas.
  }
  return text
    .split(/[,\n]/)
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '')
}

/** The folder or file above the first part of a pattern that is a glob. */
export function baseOf(pattern: string): string {
  const parts = pattern.split(sep)
  const first = parts.findIndex((part) => GLOB.test(part))
  if (first === -1) return pattern
  return parts.slice(0, first).join(sep) || sep
}

/** Whether a path is one of a pattern, or below it. */
export const isMatch = (path: string, pattern: string): boolean =>
  GLOB.test(pattern) ? matchesGlob(path, pattern) : isWithin(path, pattern)

/** Whether a path below a watched one is not watched. */
export const isIgnored = (path: string, base: string): boolean =>
  path !== base &&
  relative(base, path)
    .split(sep)
    .some((part) => part !== '..' && IGNORED.test(part))

/** Watches files and reports changes, at most once for all that come together. */
export class SourceWatch {
  /** Resolves once changes are seen. */
  readonly ready: Promise<void>
  readonly #options: WatchOptions
  readonly #patterns: readonly string[]
  readonly #watcher: FSWatcher
  readonly #folders = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  readonly #times: number[] = []
  #hasEnded = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#patterns = options.patterns.map((pattern) => resolve(options.folder, pattern))
    const bases = [...new Set(this.#patterns.map(baseOf))]
    for (const base of bases) {
      if (statSync(base, { throwIfNoEntry: false }) === undefined)
        options.onWarning(`${base} does not exist: correct it`)
    }
    this.#watcher = watch(bases, {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path, stats) =>
        bases.every((base) => !isWithin(path, base) || isIgnored(path, base)) || this.#isTooMuch(path, stats),
    })
    for (const event of ['add', 'change', 'unlink'] as const)
      this.#watcher.on(event, (path) => this.#changed(path))
    this.#watcher.on('error', (error) => this.#end(`has ended: ${(error as Error).message}`))
    this.ready = new Promise((resolved) => this.#watcher.once('ready', resolved))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher.close()
  }

  #isTooMuch(path: string, stats: Stats | undefined): boolean {
    if (stats?.isDirectory() !== true) return false
    if (this.#folders.size === MAX_FOLDERS && !this.#folders.has(path)) {
      this.#end(`covers more than ${MAX_FOLDERS} folders: name fewer`)
      return true
    }
    this.#folders.add(path)
    return false
  }

  #changed(path: string): void {
    if (!this.#patterns.some((pattern) => isMatch(path, pattern))) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#report(path), SETTLE_MS)
  }

  #report(path: string): void {
    const now = performance.now()
    this.#times.push(now)
    if (this.#times.length > LOOP_RESTARTS) this.#times.shift()
    const shown = relative(this.#options.folder, path) || dirname(path)
    if (this.#times.length === LOOP_RESTARTS && now - (this.#times[0] as number) < LOOP_MS) {
      const message = `sees changes of ${shown} all the time, perhaps by the program itself`
      this.#options.onWarning(`${message}: name the folders of the sources in watch`)
    }
    this.#options.onChange(shown)
  }

  #end(message: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#options.onWarning(message)
    void this.stop()
  }
}
