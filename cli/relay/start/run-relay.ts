import { createLogger } from '@branchline/runtime/process/log'
import type { RelayConfig } from '@branchline/runtime/relay/config'
import type { RunningRelay } from '@branchline/runtime/relay/relay'
import { VARIABLES } from '@branchline/wire/env'
import { RELAY_API_PORT } from '@branchline/wire/names'
import { readableLog } from './log.ts'
import { startFailure } from './failure.ts'
import { startedText } from './text.ts'
import { clusterTokenFile } from './cluster-token.ts'
import { configOf } from './config.ts'
import type { StartOptions } from './variables.ts'

export interface RunRelayOptions extends StartOptions {
  readonly json?: boolean
}

/** Runs `branchline relay` until Ctrl-C. Rejects with a CliError that says what to do if it cannot start. */
export async function runRelay(options: RunRelayOptions, version: string): Promise<void> {
  const { addressesOf, startRelay } = await import('@branchline/runtime/relay/relay')
  const config = await configOf(options)
  const isJson = options.json === true
  // Standard output has the addresses alone.
  const logger = isJson
    ? createLogger('relay', config.logLevel, process.stderr)
    : createLogger('relay', 'error', readableLog(process.stderr))
  // While a relay starts and stops, its parts miss each other. A person has to know only how that ends.
  const speak = (level: string): void => {
    if (!isJson) logger.level = process.env['LOG_LEVEL'] ?? level
  }
  speak('error')
  const removed = Promise.withResolvers<string>()
  const signal = nextSignal()
  let relay: RunningRelay
  try {
    relay = await startRelay(config, logger, {
      version,
      onRemoved: () => removed.resolve('this worker has been removed'),
    })
  } catch (error) {
    throw startFailure(error, config)
  }
  const addresses = addressesOf(config, relay)
  process.stdout.write(isJson ? `${JSON.stringify(addresses)}\n` : textOf(config, relay, addresses))
  speak('warn')
  const reason = await Promise.race([signal, removed.promise])
  speak('error')
  if (!isJson) process.stderr.write(`${reason}: stopping; open connections may end first\n`)
  void nextSignal().then(() => process.exit(1))
  await relay.stop()
}

function textOf(
  config: RelayConfig,
  relay: RunningRelay,
  { api, tunnel, https }: Readonly<Record<string, string>>,
): string {
  const { role, publicUrl, domain, worker, stateDirectory, databaseUrl, dialPolicy } = config
  const { ports } = worker
  return startedText({
    role,
    publicUrl: publicUrl.href,
    domain,
    api,
    tunnel,
    https,
    metrics: `http://127.0.0.1:${relay.adminPort}/metrics`,
    ports: ports === undefined || role === 'coordinator' ? undefined : `${ports.from}-${ports.to}`,
    state: databaseUrl === undefined || role === 'worker' ? stateDirectory : undefined,
    tokenFile:
      process.env[VARIABLES.relayToken] || stateDirectory === undefined
        ? undefined
        : clusterTokenFile(stateDirectory),
    hasDatabase: databaseUrl !== undefined,
    key: relay.ownerKey,
    allowsLoopback: dialPolicy.refusalOfHost('127.0.0.1') === undefined,
    isDefaultApi: relay.apiPort === RELAY_API_PORT,
  })
}

/** Resolves with what the user did to stop it. */
const nextSignal = (): Promise<string> =>
  new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const)
      process.once(name, () => resolve(name === 'SIGINT' ? 'Ctrl-C' : name))
  })
