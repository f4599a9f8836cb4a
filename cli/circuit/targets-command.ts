import { Argument, type Command } from 'commander'
import type { TargetInput } from '@branchline/wire/circuits/target'
import { withExamples } from '../program/examples.ts'
import { oneOfOption, parsedOption, wholeNumber } from '../program/faults.ts'
import { CliError } from '../platform/errors.ts'
import type { ApiOptions } from '../relay/api/choose.ts'
import { withApi, withFormat } from '../relay/api/options.ts'
import { parseTarget, TARGET_FORM } from './target-text.ts'
import {
  runAddTargets,
  runListTargets,
  runRemoveTargets,
  runSetTarget,
  type SetTargetOptions,
} from './targets.ts'
import { MAX_WEIGHT } from '@branchline/wire/weight'

/** Adds `circuit targets`. */
export function addTargetsCommands(circuit: Command): void {
  const targets = circuit.command('targets').description('Work with the targets of a circuit.')
  addListTargets(targets)
  addAdd(targets)
  addSet(targets)
  addRemove(targets)
}

const KEY = ['<circuit>', 'key of the circuit'] as const

function addListTargets(targets: Command): void {
  const command = targets
    .command('ls')
    .description('List the targets of a circuit, with their health.')
    .argument(...KEY)
    .action(async (key: string, options: Parameters<typeof runListTargets>[1]) => {
      await runListTargets(key, options)
    })
  withExamples(withApi(withFormat(command)), ['branchline circuit targets ls web', 'its targets'])
}

function addAdd(targets: Command): void {
  const command = targets
    .command('add')
    .description('Add targets to a circuit, or replace those with the same id.')
    .argument(...KEY)
    .addArgument(new Argument('<targets...>', `targets of the form ${TARGET_FORM}`))
    .action(async (key: string, texts: string[], options: ApiOptions) => {
      await runAddTargets(key, parseAll(texts), options)
    })
  withExamples(
    withApi(command),
    ['branchline circuit targets add web 10.0.0.8:80', 'one more'],
    ['branchline circuit targets add web new@10.0.0.9:80=1', 'with the id new and the weight 1'],
  )
}

function parseAll(texts: readonly string[]): TargetInput[] {
  const wrong = texts.filter((text) => parseTarget(text) === undefined)
  if (wrong.length === 0) return texts.flatMap((text) => parseTarget(text) ?? [])
  const lines = wrong.map((text) => `"${text}" is not a target: wanted ${TARGET_FORM}, such as 10.0.0.7:8888`)
  throw new CliError('BL_USAGE', lines.join('\n'))
}

function addSet(targets: Command): void {
  const command = targets
    .command('set')
    .description('Change one target while requests go on.')
    .argument(...KEY)
    .argument('<target>', 'id of the target')
    .addOption(
      parsedOption(
        '--weight <number>',
        'share of the requests with weighted balancing; 0: only if no other target is left',
        `a whole number from 0 to ${MAX_WEIGHT}`,
        wholeNumber(0, MAX_WEIGHT),
      ),
    )
    .option('--address <host:port>', 'where requests go')
    .addOption(oneOfOption('--drain <state>', 'on: the target gets no new requests', ['on', 'off']))
    .action(async (key: string, id: string, options: SetTargetOptions) => {
      await runSetTarget(key, id, options)
    })
  withExamples(
    withApi(command),
    ['branchline circuit targets set web a --weight 5', 'more requests to the target a'],
    ['branchline circuit targets set web a --drain on', 'none, before it is stopped'],
  )
}

function addRemove(targets: Command): void {
  const command = targets
    .command('rm')
    .description('Remove targets from a circuit. It is no error if they are gone already.')
    .argument(...KEY)
    .argument('<targets...>', 'ids of targets')
    .action(async (key: string, ids: string[], options: ApiOptions) => {
      await runRemoveTargets(key, ids, options)
    })
  withExamples(withApi(command), ['branchline circuit targets rm web a', 'the target a'])
}
