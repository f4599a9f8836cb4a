import { createLogger } from '../process/log.ts'
import { runMain } from '../process/main.ts'
import { noSuchSource, readConfig } from './config.ts'
import { startManager } from './manager.ts'
import { LocalSource } from './sources/local.ts'

const logger = createLogger('manager')

await runMain(logger, () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  if (config.source !== 'local') throw noSuchSource(config.source)
  return startManager(config, new LocalSource({ socketPath: config.localApi, logger }), logger)
})
