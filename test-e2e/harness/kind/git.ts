import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './cluster.ts'
import { temporaryFolder } from '@branchline/runtime/process/temporary'

const AUTHOR = ['-c', 'user.name=Branchline', '-c', 'user.email=e2e@branchline.invalid']

/** A working copy whose pushes replace the content of the server. */
export class GitFolder {
  readonly #folder: string
  readonly #remote: string

  private constructor(folder: string, remote: string) {
    this.#folder = folder
    this.#remote = remote
  }

  static async create(remote: string): Promise<GitFolder> {
    const git = new GitFolder(temporaryFolder('git'), remote)
    await git.#git('init', '--quiet', '--initial-branch=main')
    return git
  }

  async write(path: string, text: string): Promise<void> {
    const file = join(this.#folder, path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, text)
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.#folder, path), { recursive: true })
  }

  /** Commits all files and pushes them. */
  async push(message: string): Promise<void> {
    await this.#git('add', '--all')
    await this.#git(...AUTHOR, 'commit', '--quiet', '--allow-empty', '--message', message)
    await this.#git('push', '--quiet', '--force', this.#remote, 'HEAD:refs/heads/main')
  }

  async dispose(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #git(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await run('git', ['-C', this.#folder, ...args])
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  }
}
