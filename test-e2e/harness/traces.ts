import { existsSync } from 'node:fs'
import net from 'node:net'
import type { Traces } from './target.ts'

/** Returns one sentence for each process, port or folder that remains of a stopped platform. */
export async function leftBehind({ ports, pids, folders }: Traces): Promise<string[]> {
  const open = await Promise.all(ports.map(async (port) => ((await listens(port)) ? [port] : [])))
  return [
    ...open.flat().map((port) => `port ${port} still takes connections`),
    ...pids.filter(lives).map((pid) => `process ${pid} still runs`),
    ...folders.filter((folder) => existsSync(folder)).map((folder) => `folder ${folder} is still there`),
  ]
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
