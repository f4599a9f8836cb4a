import { printable } from '@branchline/runtime/local/printable'

/** What a command prints, and its exit code. */
export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The outcome of a command that found faults: one line for each. */
export const failed = (faults: readonly string[]): Outcome => ({
  exitCode: 1,
  stdout: '',
  stderr: faults.map((fault) => `error: ${printable(fault)}\n`).join(''),
})

/** Prints an outcome, and sets the exit code of the process. */
export function show({ exitCode, stdout, stderr }: Outcome): void {
  process.stderr.write(stderr)
  process.stdout.write(stdout)
  process.exitCode = exitCode
}
