import type { Option } from 'commander'
import { durationMs } from '@branchline/wire/duration'
import { parsedOption } from '../program/faults.ts'

/** An option with a duration such as 30s or 1h30m, which is read as milliseconds. */
export const durationOption = (flags: string, description: string): Option =>
  parsedOption(flags, description, 'a duration such as 30s or 1h30m', (text) => {
    const ms = durationMs(text)
    return Number.isNaN(ms) ? undefined : ms
  })
