import { execFileSync } from 'node:child_process'

/**
 * Returns why a program's tests are skipped: it is not installed, so `NAME --version` does not work. Undefined if it is.
 * Put it into the name of the tests, so that the output says what is missing.
 */
export function missingProgram(name: string, debianPackage: string): string | undefined {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return `${name} is not installed: Debian's package ${debianPackage} has it`
  }
}
