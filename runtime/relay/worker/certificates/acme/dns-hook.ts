import { execFile } from 'node:child_process'
import { AcmeError } from './errors.ts'

/** How much of what a hook writes is part of an error. */
const QUOTED = 300

/**
 * Runs the hook that changes DNS: `HOOK present|remove RECORD VALUE`, without a shell. It ends with 0 once the
 * authoritative servers have the change. Rejects with an {@link AcmeError}.
 */
export function runDnsHook(
  hook: string,
  action: 'present' | 'remove',
  record: { readonly name: string; readonly value: string },
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(hook, [action, record.name, record.value], { timeout: timeoutMs }, (error, _out, written) => {
      if (error === null) return resolve()
      const why =
        error.killed === true ? `took longer than ${timeoutMs} ms` : `failed (${error.code ?? 'signal'})`
      const quoted = written.trim().slice(-QUOTED)
      reject(new AcmeError(`the DNS hook ${hook} ${action} ${why}${quoted === '' ? '' : `: ${quoted}`}`))
    })
  })
}
