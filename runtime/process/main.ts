import { ConfigurationError, EXIT_CONFIGURATION } from './config.ts'
import type { Logger } from './log.ts'

/** A running process. */
export interface Running {
  /** Stops accepting work, finishes running work within its own limit, and frees its resources. */
  stop(): Promise<void>
}

/**
 * Runs a process until SIGTERM or SIGINT, then stops it and exits with 0. A second signal exits at once. An invalid
 * configuration is written to standard error, one fault per line, and exits with 64. A failed start or stop is logged
 * and exits with 1. Only functions of this file end the process.
 */
export async function runMain(logger: Logger, start: () => Promise<Running>): Promise<void> {
  try {
    const running = await start()
    const signal = await nextSignal()
    logger.info({ signal }, 'stopping')
    void nextSignal().then(() => process.exit(1))
    await running.stop()
    process.exit(0)
  } catch (error) {
    exitWith(logger, error)
  }
}

/** Runs a task and exits: with 0, or like {@link runMain} if it fails. */
export async function runOnce(logger: Logger, task: () => Promise<void>): Promise<never> {
  try {
    await task()
    process.exit(0)
  } catch (error) {
    exitWith(logger, error)
  }
}

function exitWith(logger: Logger, error: unknown): never {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`${error.message}\n`)
    process.exit(EXIT_CONFIGURATION)
  }
  logger.fatal({ err: error }, 'failed')
  process.exit(1)
}

const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
