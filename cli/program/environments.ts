import type { Command } from 'commander'
import { type DeleteOptions, runDelete, runPause } from '../commands/env.ts'
import { runRestart } from '../commands/restart.ts'
import { addCreateCommand } from '../environment-files/command.ts'
import type { TargetOptions } from '../target/choose.ts'
import { withExamples } from './examples.ts'
import { withNamespace, withTarget } from './target-options.ts'

/** Adds the commands that change environments: env and restart. */
export function addEnvironmentCommands(program: Command): void {
  program.commandsGroup('Environments:')
  const env = program.command('env').description('Create, pause, resume and delete environments.')
  addCreateCommand(env)
  addPause(env)
  addDelete(env)
  addRestart(program)
}

function addPause(env: Command): void {
  const pause = env
    .command('pause')
    .description('Let the base serve the requests of a branch. Its pods keep running.')
    .argument('<name>', 'name of the environment')
    .action(async (name: string, options: TargetOptions) => {
      process.stdout.write(await runPause(name, true, options))
    })
  withExamples(withTarget(pause), [
    'branchline env pause alice',
    'requests with the key alice see what everybody sees',
  ])
  const resume = env
    .command('resume')
    .description('End the pause of a branch.')
    .argument('<name>', 'name of the environment')
    .action(async (name: string, options: TargetOptions) => {
      process.stdout.write(await runPause(name, false, options))
    })
  withExamples(withTarget(resume), [
    'branchline env resume alice',
    "requests with the key alice see alice's versions again",
  ])
}

function addDelete(env: Command): void {
  const command = env
    .command('delete')
    .description('Delete an environment. Its base then serves its requests.')
    .argument('<name>', 'name of the environment')
    .option('--with-namespace', 'also delete its namespace, with everything in it')
    .option('--force', 'also if branches are based on it')
    .action(async (name: string, options: DeleteOptions) => {
      process.stdout.write(await runDelete(name, options))
    })
  withExamples(
    withTarget(command),
    ['branchline env delete alice --with-namespace', 'the environment, its workloads and its namespace'],
    ['branchline env delete alice --context dev', 'only the Environment, on a cluster'],
  )
}

function addRestart(program: Command): void {
  const command = program
    .command('restart')
    .description('Replace the pods of a service by new ones.')
    .argument('<service>', 'SERVICE of the shared environment, or SERVICE@ENVIRONMENT')
    .action(async (service: string, options: TargetOptions & { namespace?: string }) => {
      process.stdout.write(await runRestart(service, options))
    })
  withExamples(withNamespace(command), ['branchline restart pricing@alice', "alice's version of pricing"])
}
