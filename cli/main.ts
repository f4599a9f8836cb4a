import { printable } from '@branchline/runtime/local/printable'
import { systemSentence } from './output/system-errors.ts'
import { CliError } from './platform/errors.ts'
import { helpOfGroup } from './program/group-help.ts'
import { program } from './program.ts'

const EXIT_USAGE = 64

// The reader of a pipe, such as head, may end first.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync(helpOfGroup(program, process.argv.slice(2)), { from: 'user' })
} catch (error) {
  const { message } = error as Error
  process.stderr.write(
    `${printable(error instanceof CliError ? message : (systemSentence(error) ?? message))}\n`,
  )
  process.exitCode = error instanceof CliError && error.code === 'BL_USAGE' ? EXIT_USAGE : 1
}
