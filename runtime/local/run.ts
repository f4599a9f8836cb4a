import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../process/temporary.ts'
import { type NetworkOptions, openNetwork, type OpenedNetwork } from './network/open.ts'
import { endLeftovers, runMark } from './pods/leftovers.ts'
import { Reaper, RUN_VARIABLE } from './pods/reaper.ts'

/** What a run of the cluster has from its start to its end. */
export interface Run extends OpenedNetwork {
  /** The mark of its processes, see {@link RUN_VARIABLE}. */
  readonly mark: string
  readonly folder: string
  readonly reaper: Reaper
}

export type RunOptions = Omit<NetworkOptions, 'folder' | 'env' | 'onProcess'>

/**
 * Begins a run: its folder, the reaper of its processes, and its network. Also ends what killed runs left behind. After an
 * error, nothing remains.
 */
export async function openRun(options: RunOptions): Promise<Run> {
  endLeftovers()
  const folder = temporaryFolder('run')
  // Only root starts pods as other users, who must reach their own folders below it.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700
  chmodSync(folder, mode)
  for (const name of ['pods', 'claims']) mkdirSync(join(folder, name), { mode })
  const mark = runMark()
  const reaper = new Reaper(mark, folder)
  try {
    const onProcess = (pid: number): void => reaper.add(pid)
    const opened = await openNetwork({ ...options, folder, env: { [RUN_VARIABLE]: mark }, onProcess })
    return { mark, folder, reaper, ...opened }
  } catch (error) {
    await reaper.close()
    throw error
  }
}
