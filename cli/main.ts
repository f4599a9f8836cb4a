import { printable } from '@branchline/runtime/local/printable'
import { systemSentence } from './output/system-errors.ts'
import { CliError } from './platform/errors.ts'
import { helpLine } from './program/faults.ts'
import { helpOfGroup } from './program/group-help.ts'
import { program } from './program.ts'

const EXIT_USAGE = 64

// The reader of a pipe, such as head, may end first.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync(helpOfGroup(program, process.argv.slice(2)), { from: 'user' })
} catch (error) {
  const { message } = error as Error
  const isUsage = error instanceof CliError && error.code === 'BL_USAGE'
  const sentence = error instanceof CliError ? message : (systemSentence(error) ?? message)
  process.stderr.write(`${printable(sentence)}\n${isUsage ? `${helpLine()}\n` : ''}`)
  process.exitCode = isUsage ? EXIT_USAGE : 1
}
