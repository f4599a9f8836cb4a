import manifest from '@branchline/wire/package.json' with { type: 'json' }
import { createLogger } from '../process/log.ts'
import { runMain, runOnce } from '../process/main.ts'
import { writeAddresses } from './addresses-file.ts'
import { readConfig } from './config.ts'
import { addressesOf, newOwnerKey, startRelay } from './relay.ts'

/** With `--json`, the first line of standard output is an object with the addresses. The log goes to standard error. */
const isJson = process.argv.includes('--json')
/**
 * Makes an API key with all rights in the database of the relay that runs here, prints it and ends. For relays whose log
 * others read (BRANCHLINE_OWNER_KEY=none), and for owners who have lost their key.
 */
const isNewKey = process.argv.includes('--new-owner-key')
const logger = isJson || isNewKey ? createLogger('relay', 'info', process.stderr) : createLogger('relay')

if (isNewKey) {
  logger.level = 'error'
  await runOnce(logger, async () => {
    process.stdout.write(`${await newOwnerKey(readConfig(process.env), logger)}\n`)
  })
}

await runMain(logger, async () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  const onRemoved = (): void => void process.kill(process.pid, 'SIGTERM')
  const relay = await startRelay(config, logger, { version: manifest.version, onRemoved })
  const addresses = addressesOf(config, relay)
  const { stateDirectory } = config
  if (isJson) process.stdout.write(`${JSON.stringify(addresses)}\n`)
  else if (stateDirectory !== undefined && !process.stderr.isTTY) {
    const file = await writeAddresses(stateDirectory, addresses)
    // Others may read the log, so it has the name of the file and not the key.
    if (relay.ownerKey !== undefined) logger.info({ file }, "the owner's API key is in a file")
  } else if (relay.ownerKey !== undefined && config.isDurable)
    process.stderr.write(`The owner's API key, which is not shown again: ${relay.ownerKey}\n`)
  return relay
})
