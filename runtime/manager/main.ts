import { createLogger } from '../process/log.ts'
import { runMain } from '../process/main.ts'
import { readConfig } from './config.ts'
import { startManager } from './manager.ts'
import { startOnKubernetes } from './on-kubernetes.ts'
import { loadAccess } from '../kubernetes/access.ts'
import { LocalSource } from './sources/local.ts'

const logger = createLogger('manager')

await runMain(logger, async () => {
  const config = readConfig(process.env)
  logger.level = config.logLevel
  if (config.source === 'kubernetes') {
    return await startOnKubernetes(config, await loadAccess(process.env), logger)
  }
  return await startManager(config, new LocalSource({ socketPath: config.localApi, logger }), logger)
})
