import manifest from '@branchline/wire/package.json' with { type: 'json' }
import { createLogger } from '../process/log.ts'
import { runMain } from '../process/main.ts'
import { readConfig } from './config.ts'
import { startSidecar } from './sidecar.ts'

const logger = createLogger('sidecar')

await runMain(logger, () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  return startSidecar(config, logger, manifest.version)
})
