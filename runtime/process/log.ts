import { type Logger, pino } from 'pino'

export type { Logger }

/** Returns a logger that writes JSON lines to standard output: a constant message, and fields. Never log secrets. */
export function createLogger(component: string, level = 'info'): Logger {
  return pino({ name: component, level, base: { component } })
}
