import manifest from '@branchline/wire/package.json' with { type: 'json' }
import { createLogger } from '../process/log.ts'
import { runMain } from '../process/main.ts'
import { readConfig } from './config.ts'
import { startRelay } from './relay.ts'

const logger = createLogger('relay')

await runMain(logger, () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  const onRemoved = (): void => void process.kill(process.pid, 'SIGTERM')
  return startRelay(config, logger, { version: manifest.version, onRemoved })
})
