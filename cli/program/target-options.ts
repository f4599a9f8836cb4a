import type { Command } from 'commander'

/** Adds the options that choose a running `up` or a cluster. */
export const withTarget = (command: Command): Command =>
  command
    .option('--context <name>', 'context of the kubeconfig: use that cluster instead of the running up')
    .option('--kubeconfig <file>', 'kubeconfig file: use its cluster instead of the running up')
    .option('--up <port>', 'which running up, if there are several: its port, process or folder')

/** The same, and the option that limits a command to a namespace. */
export const withNamespace = (command: Command): Command =>
  withTarget(command).option('-n, --namespace <name>', 'namespace, which belongs to one environment')
