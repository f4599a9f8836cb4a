import type { Command, Option } from 'commander'
import { oneOfOption, parsedOption, repeatedOption, wholeNumber } from '../../program/faults.ts'

const portOption = (flags: string, what: string, preset: string): Option =>
  parsedOption(
    flags,
    `${what}; 0: any free port; default: ${preset}`,
    'a whole number from 0 to 65535',
    wholeNumber(0, 65_535),
  )

const text = (value: string): string => value

/** Adds the options that say how a relay is to run, for its start and for its check. */
export const withStartOptions = (command: Command): Command =>
  command
    .option('--state <folder>', 'folder that keeps what the relay knows; it is created')
    .addOption(
      oneOfOption('--role <role>', 'coordinator: the API and the state; worker: the traffic; default: all', [
        'all',
        'coordinator',
        'worker',
      ]),
    )
    .addOption(portOption('--http <port>', 'port for visitors', '8080'))
    .addOption(
      portOption('--https <port>', 'port for visitors with TLS, with one of the next two options', '8443'),
    )
    .option('--tls-dir <folder>', 'folder of certificates and keys in PEM; changes take effect at once')
    .option('--self-signed', 'for development: certificates of an authority that branchline trust installs')
    .addOption(portOption('--api <port>', 'port of the API', '6120'))
    .addOption(portOption('--tunnel <port>', 'port at which clusters connect', '25090'))
    .addOption(portOption('--admin <port>', 'port of metrics and health', 'any free port'))
    .option(
      '--ports <from-to>',
      'of all or a worker: ports for circuits with a port of their own, such as 30000-30999; default: none',
    )
    .addOption(
      repeatedOption(
        '--allow-targets <cidr>',
        'private or loopback addresses to which circuits may lead, such as 10.0.0.0/8',
        'a range',
        text,
      ),
    )
    .option('--domain <domain>', 'domain below which circuits have their hosts; default: localhost')
    .option('--public-url <url>', 'URL at which visitors reach the domain; default: http://DOMAIN:PORT')
    .option('--host <address>', 'address on which to listen; default: 0.0.0.0, so all')
    .addOption(repeatedOption('--coordinator <url>', 'of a worker: URL of a coordinator', 'a URL', text))
    .option(
      '--join-token-file <file>',
      'of a worker: file with the token of branchline relay join-token create',
    )
    .option('--name <name>', 'of a worker: its name, unique among workers; default: the name of this machine')
    .option('--group <name>', 'of a worker: its group; default: default')
