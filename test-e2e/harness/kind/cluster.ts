import { spawn } from 'node:child_process'
import { describe } from 'vitest'
import { chosenTarget } from '../test-stories.ts'
import { kubectl } from './processes.ts'

/** Returns the kubectl context of the stories' cluster. */
export const context = (): string => process.env['BRANCHLINE_CONTEXT'] ?? 'kind-branchline'

/** Runs kubectl on the stories' cluster. Resolves with standard output. Rejects with standard error. */
export const kube = (...args: readonly string[]): Promise<string> => kubectl(context(), ...args)

/** Runs kubectl on the stories' cluster, and parses its output as JSON. */
export async function kubeJson<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await kube(...args, '-o', 'json')) as T
}

/** The result of a program. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program with a text on its standard input. Does not reject for an exit code. */
export function run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, ...output }))
    // A program may exit before it has read everything. Its exit code states why.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** Runs kubectl on the stories' cluster, with a text on its standard input. */
export const kubeWith = (input: string, ...args: readonly string[]): Promise<Outcome> =>
  run('kubectl', ['--context', context(), ...args], input)

/** Skips stories that need a real cluster on other targets. The title of the skipped block says where they run. */
export function onCluster(stories: () => void): void {
  const isCluster = chosenTarget().name === 'kind'
  // The caller defines the stories.
  // oxlint-disable-next-line vitest/valid-title, vitest/valid-describe-callback
  describe.skipIf(!isCluster)(isCluster ? 'cluster' : 'only on a cluster (npm run kind:test)', stories)
}
