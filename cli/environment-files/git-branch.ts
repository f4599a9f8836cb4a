import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** How long git may take, in milliseconds. */
const GIT_TIMEOUT_MS = 10_000

/** Returns the checked-out git branch of a folder. Rejects with a sentence if there is none. */
export async function gitBranch(folder: string): Promise<string> {
  try {
    const { stdout } = await run('git', ['symbolic-ref', '--short', 'HEAD'], {
      cwd: folder,
      timeout: GIT_TIMEOUT_MS,
    })
    return stdout.trim()
  } catch (error) {
    const { code } = error as { code?: unknown }
    const reason =
      code === 'ENOENT' ? 'git is not installed' : 'no git branch is checked out here, as in a job of CI'
    throw new Error(`${reason}: name the branch, such as --name-from-git "$GITHUB_HEAD_REF"`, {
      cause: error,
    })
  }
}
