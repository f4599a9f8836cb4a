import { examplesOf, examplesText } from '../../cli/program/examples.ts'
import { program } from '../../cli/program.ts'
import { code, table } from './markdown.ts'

type Command = (typeof program)['commands'][number]
type Argument = Command['registeredArguments'][number]
type Option = Command['options'][number]

/** Returns the reference of the command line, generated from `cli/program.ts`. */
export const cliReference = (): string =>
  [
    '# Command line\n',
    `${program.description()}\n`,
    'Every command exits with 0 on success, 1 on failure and 64 for wrong arguments.\n',
    ...leaves(program).map(section),
  ].join('\n')

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function section(command: Command): string {
  const path = pathOf(command)
  const args = command.registeredArguments
  const options = command.options.filter(({ hidden }) => !hidden)
  const examples = examplesOf(command)
  return [
    `## ${path}\n`,
    `${command.description()}\n`,
    `\`\`\`\n${path} ${command.usage()}\n\`\`\`\n`,
    ...(args.length === 0 ? [] : [table(['Argument', 'Meaning'], args.map(argumentRow))]),
    ...(options.length === 0 ? [] : [table(['Option', 'Default', 'Meaning'], options.map(optionRow))]),
    ...(examples.length === 0
      ? []
      : [`\`\`\`sh\n${examplesText(examples).replaceAll(/^ {2}/gm, '')}\n\`\`\`\n`]),
  ].join('\n')
}

const argumentRow = (argument: Argument): string[] => [
  code(argument.variadic ? `${argument.name()}...` : argument.name()),
  argument.description,
]

const optionRow = ({ flags, defaultValue, argChoices, description, negate }: Option): string[] => [
  code(flags),
  defaultValue === undefined || negate ? '' : code(String(defaultValue)),
  argChoices === undefined ? description : `${description} One of: ${argChoices.map(code).join(', ')}.`,
]
