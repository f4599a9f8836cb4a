import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** The maximum length of a line, in characters. A longer one is split. */
const MAX_LINE_LENGTH = 16 * 1024
/** How many lines of a container are kept in memory. */
const MAX_LINES = 500
/** The maximum size of a log file, in bytes. A larger one is renamed to `<name>.1`, and a new one begins. */
const MAX_FILE_LENGTH = 8 * 1024 * 1024

/** Who follows the output of a container. */
export interface LogFollower {
  readonly line: (text: string) => void
  /** The pod is gone, so no further line comes. */
  readonly end: () => void
}

/** The output of a container: the last lines in memory, and more of them in a file. */
export class ContainerLog {
  readonly file: string
  /** How many lines there have been. */
  count = 0
  readonly #onLine: (text: string) => void
  readonly #lines: string[] = []
  readonly #followers = new Set<LogFollower>()
  #length: number

  constructor(folder: string, container: string, onLine: (text: string) => void) {
    // Output may contain secrets, and other users of the machine can enter the folder of the pod.
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.file = join(folder, `${container}.log`)
    this.#length = statSync(this.file, { throwIfNoEntry: false })?.size ?? 0
    this.#onLine = onLine
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** The last lines, at most as many as are kept. */
  last(count: number): string[] {
    return count > 0 ? this.#lines.slice(-count) : []
  }

  /** Adds a line that the container did not write. */
  note(text: string): void {
    this.#add([text])
  }

  /** Keeps every line of the stream until its end. */
  read(stream: Readable): void {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() as string
      while (rest.length > MAX_LINE_LENGTH) {
        lines.push(rest.slice(0, MAX_LINE_LENGTH))
        rest = rest.slice(MAX_LINE_LENGTH)
      }
      this.#add(lines)
    })
    stream.on('end', () => this.#add(rest === '' ? [] : [rest]))
    stream.on('error', () => undefined)
  }

  /** Reports every further line, until the returned function is called. */
  follow(follower: LogFollower): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /** Ends all followers. */
  end(): void {
    for (const follower of this.#followers) follower.end()
    this.#followers.clear()
  }

  #add(lines: readonly string[]): void {
    if (lines.length === 0) return
    this.#lines.push(...lines)
    this.count += lines.length
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES)
    this.#append(`${lines.join('\n')}\n`)
    for (const line of lines) {
      this.#onLine(line)
      for (const follower of this.#followers) follower.line(line)
    }
  }

  #append(text: string): void {
    try {
      if (this.#length > MAX_FILE_LENGTH) {
        renameSync(this.file, `${this.file}.1`)
        this.#length = 0
      }
      appendFileSync(this.file, text)
      this.#length += Buffer.byteLength(text)
    } catch {
      // A full disk or a removed folder must not end the cluster.
    }
  }
}
