import { printable } from '@branchline/runtime/local/printable'
import { program } from './program.ts'

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${printable((error as Error).message)}\n`)
  process.exitCode = 1
}
