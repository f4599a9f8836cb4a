import { spawn } from 'node:child_process'

/**
 * Sends a signal to a process once our own process has ended in any way, also by SIGKILL: a shell waits for the end of a
 * pipe that we hold. Returns a function that calls this off. Where there is no shell, the next start of the relay finds
 * the process.
 */
export function signalAfterUs(pid: number, signal: 'INT' | 'QUIT'): () => void {
  const script = `read _; kill -${signal} ${pid}`
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/', detached: true })
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  child.unref()
  return () => {
    child.kill('SIGKILL')
    child.stdin.destroy()
  }
}
