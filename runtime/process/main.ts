import { ConfigurationError, EXIT_CONFIGURATION } from './config.ts'
import type { Logger } from './log.ts'

/** A running process: it ends when asked, and says when it has. */
export interface Running {
  /** Stops taking work, finishes what runs within its own limit, and frees what it holds. */
  stop(): Promise<void>
}

/**
 * Runs a process until SIGTERM or SIGINT: starts it, stops it once, exits 0; a second signal exits at once.
 * A bad configuration is written to standard error, sentence by sentence, and exits 64; a failed start or
 * stop is logged and exits 1. The one place that ends the process.
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
    if (error instanceof ConfigurationError) {
      process.stderr.write(`${error.message}\n`)
      process.exit(EXIT_CONFIGURATION)
    }
    logger.fatal({ err: error }, 'failed')
    process.exit(1)
  }
}

const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
