import type { Command } from 'commander'
import { complete, completionText } from '../completion/complete.ts'
import { nameReader } from '../completion/names.ts'
import { completionScript, type Shell, SHELLS } from '../completion/scripts.ts'
import { withExamples } from './examples.ts'
import { oneOfArgument } from './faults.ts'

/** Adds `completion`, which prints the script of a shell, and the hidden command that the scripts call. */
export function addCompletionCommands(program: Command): void {
  program.commandsGroup('Other:')
  const command = program
    .command('completion')
    .description('Print a script that completes commands and names with Tab.')
    .addArgument(oneOfArgument('<shell>', 'shell', SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell))
    })
  withExamples(
    command,
    ["echo 'source <(branchline completion bash)' >> ~/.bashrc", 'bash'],
    ["echo 'source <(branchline completion zsh)' >> ~/.zshrc", 'zsh'],
    ['branchline completion fish > ~/.config/fish/completions/branchline.fish', 'fish'],
  )
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      process.stdout.write(completionText(await complete(program, words, nameReader(words))))
    })
}
