import { printable } from '@branchline/runtime/local/printable'
import { CliError } from '../platform/errors.ts'
import type { ApiOptions } from '../relay/api/choose.ts'
import { openApi } from '../relay/api/connect.ts'

export interface RemoveOptions extends ApiOptions {
  /** How long open connections may go on, in milliseconds. */
  readonly drain?: number
  readonly ignoreMissing?: boolean
}

/** Runs `branchline circuit rm`: removes every circuit that it can, and rejects with a line for each other. */
export async function runRemove(keys: readonly string[], options: RemoveOptions): Promise<void> {
  const { drain = 0, ignoreMissing = false } = options
  const api = openApi(options)
  const query = { drain: Math.ceil(drain / 1000) }
  const faults: string[] = []
  for (const key of keys) {
    try {
      await api.call((client) => client.deleteCircuit({ params: { key }, query }))
      process.stdout.write(printable(drain > 0 ? `draining ${key}\n` : `removed ${key}\n`))
    } catch (error) {
      if (!(error instanceof CliError) || error.code === 'BL_TARGET') throw error
      if (error.code !== 'BL_NOT_FOUND' || !ignoreMissing) faults.push(error.message)
    }
  }
  if (faults.length > 0) throw new CliError('BL_NOT_FOUND', faults.join('\n'))
}
