import { createLogger } from '../process/log.ts'
import { runMain } from '../process/main.ts'
import { readConfig } from './config.ts'
import { startRelay } from './relay.ts'

const logger = createLogger('relay')

await runMain(logger, () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  return startRelay(config, logger)
})
