import { execFile } from 'node:child_process'
import { homedir } from 'node:os'

/** What a program wrote, and how it ended. */
export interface ProgramResult {
  readonly code: number
  /** Both outputs. */
  readonly text: string
}

/** The machine whose stores of trusted authorities are changed. Tests give another one. */
export interface Host {
  readonly platform: NodeJS.Platform
  readonly home: string
  /** The folder that stands for `/`. */
  readonly root: string
  readonly isRoot: boolean
  /** Runs a program without a shell. Undefined if there is no such program. */
  run(program: string, args: readonly string[]): Promise<ProgramResult | undefined>
}

/** How long a program may take, in milliseconds. */
const PROGRAM_MS = 60_000

/** This machine. */
export const thisHost = (): Host => ({
  platform: process.platform,
  home: homedir(),
  root: '/',
  isRoot: process.getuid?.() === 0,
  run: runProgram,
})

/** Runs a program of this machine, see {@link Host.run}. */
export function runProgram(program: string, args: readonly string[]): Promise<ProgramResult | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: PROGRAM_MS }, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') return resolve(undefined)
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, text: `${stdout}${stderr}`.trim() })
    })
  })
}
