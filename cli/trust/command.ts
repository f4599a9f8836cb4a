import type { Command } from 'commander'
import { withExamples } from '../program/examples.ts'
import { thisHost } from './host.ts'
import { runTrust, type TrustOptions } from './run-trust.ts'

/** Adds `branchline trust`. */
export function addTrustCommand(program: Command): void {
  program.commandsGroup('Relay:')
  const command = program
    .command('trust')
    .description(
      'Print the certificate authority with which a relay on this machine serves HTTPS (BRANCHLINE_SELF_SIGNED=on), or install it.',
    )
    .option('--domain <domain>', 'domain of the preview URLs; each domain has its own authority', 'localhost')
    .option('--install', 'have the system and the browsers of this user trust it')
    .option('--uninstall', 'undo --install')
    .action(async (options: TrustOptions) => {
      const { text, exitCode } = await runTrust(options, thisHost(), process.env['XDG_DATA_HOME'])
      process.stdout.write(text)
      process.exitCode = exitCode
    })
  withExamples(
    command,
    ['branchline trust', 'its file, its fingerprint, and where it is installed'],
    ['branchline trust --install', 'browsers then show https://web--alice.localhost:8443 without a warning'],
    ['branchline trust --uninstall', 'take it back'],
  )
}
