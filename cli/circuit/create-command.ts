import { type Command, Option } from 'commander'
import { ACCESS_TYPES } from '@branchline/wire/circuits/access'
import { BACKENDS, BALANCING, STICKINESS } from '@branchline/wire/circuits/circuit'
import { withExamples } from '../program/examples.ts'
import { oneOfOption, parsedOption, repeatedOption, wholeNumber } from '../program/faults.ts'
import { withApi } from '../relay/api/options.ts'
import { type CreateOptions, runCreate } from './create.ts'
import { LIMIT_NAMES, parseHeader, parseHealth, parseLabels, parseLimit } from './flags.ts'
import { durationOption } from './options.ts'
import { parseTarget, TARGET_FORM } from './target-text.ts'

/** Adds `circuit create`. */
export function addCreateCommand(circuit: Command): void {
  const command = circuit
    .command('create')
    .description(
      'Create a circuit, or change the one with this key to what the options say. The same command may run again.',
    )
    .argument(
      '[key]',
      'name of the circuit, such as session-42/jupyter; it always gets the same host and port',
    )
    .option(
      '-f, --filename <file>',
      'file with circuits in YAML or JSON, as the API takes them; - for standard input',
    )
  for (const option of [...entryOptions(), ...trafficOptions(), ...accessOptions(), ...otherOptions()])
    command.addOption(option)
  command.action(async (key: string | undefined, options: CreateOptions) => {
    await runCreate(key, options)
  })
  withExamples(
    withApi(command),
    [
      'branchline circuit create session-42/jupyter --target 10.0.0.7:8888',
      'a notebook, at a host of its own',
    ],
    [
      'branchline circuit create web --target 10.0.0.7:80=3 --target 10.0.0.8:80=1 --health /healthz',
      'two targets, three requests to one',
    ],
    [
      'branchline circuit create db --port --target 10.0.0.9:5432 --allow 10.0.0.0/8',
      'a database, at a port that some addresses may use',
    ],
    ['branchline circuit create -f circuits.yaml --wait 30s', 'from a file, and wait until all are healthy'],
  )
}

const text = (value: string): string => value

function entryOptions(): Option[] {
  return [
    repeatedOption(
      '-t, --target <target>',
      `where requests go: ${TARGET_FORM}`,
      `${TARGET_FORM}, such as 10.0.0.7:8888`,
      parseTarget,
    ),
    new Option('--label <label>', 'leftmost label of the host; default: made from the key'),
    repeatedOption('--host <name>', 'further host name that leads to the circuit', 'a host name', text),
    parsedOption(
      '--port [number]',
      'a port of its own instead of a host; default: the relay chooses one',
      'a whole number from 1 to 65535',
      wholeNumber(1, 65_535),
    ),
    oneOfOption(
      '--backend <protocol>',
      'protocol of the targets; default: http, or tcp with --port',
      BACKENDS,
    ),
  ]
}

function trafficOptions(): Option[] {
  return [
    oneOfOption(
      '--balancing <method>',
      'how requests are spread; default: round-robin, or weighted with different weights',
      BALANCING,
    ),
    oneOfOption('--sticky <method>', 'what keeps a client on one target; default: none', STICKINESS),
    parsedOption(
      '--health <check>',
      'how targets are checked: tcp, http, or a path such as /healthz',
      'tcp, http or a path',
      parseHealth,
    ),
    repeatedOption(
      '--limit <name=value>',
      `limit of the circuit: ${LIMIT_NAMES.join(', ')}`,
      `one of ${LIMIT_NAMES.join(', ')} with a number, such as connections=100`,
      parseLimit,
    ),
    oneOfOption('--app-host <host>', 'host that the app sees; default: circuit', ['circuit', 'target']),
    new Option('--path-prefix <path>', 'text before the path that the app sees, such as /base'),
    repeatedOption(
      '--header <line>',
      'header that the app gets, such as "x-team: web"',
      'NAME: VALUE',
      parseHeader,
    ),
  ]
}

function accessOptions(): Option[] {
  return [
    oneOfOption(
      '--access <type>',
      'who may use it; default: organization, so holders of a key or a token',
      ACCESS_TYPES,
    ),
    repeatedOption(
      '--allow <cidr>',
      'addresses of clients that may connect, such as 10.0.0.0/8; default: all',
      'an address or a range',
      text,
    ),
    repeatedOption('--exempt <path>', 'path that is open to everyone, such as /webhooks/*', 'a path', text),
  ]
}

function otherOptions(): Option[] {
  return [
    parsedOption(
      '--labels <labels>',
      'labels for filters, such as app=web,tier=front',
      'NAME=VALUE with commas',
      parseLabels,
    ),
    new Option('--group <name>', 'worker group; default: default'),
    new Option(
      '--ttl <duration>',
      'remove the circuit after this time without use, such as 12h; default: never',
    ),
    durationOption('--wait <duration>', 'wait this long until the circuit is healthy, and fail otherwise'),
    oneOfOption('-o, --output <format>', 'format', ['json', 'yaml']),
  ]
}
