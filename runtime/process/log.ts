import { type Logger, pino } from 'pino'

export type { Logger }

/** Returns a logger that writes JSON lines to standard output, or to another stream: a constant message, and fields. Never log secrets. */
export function createLogger(
  component: string,
  level = 'info',
  to: NodeJS.WritableStream = process.stdout,
): Logger {
  const options = { name: component, level, base: { component } }
  return to === process.stdout ? pino(options) : pino(options, to)
}
