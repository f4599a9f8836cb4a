import { IGNORE, type Upstream } from '../../../../transport/transport.ts'
import type { CheckPlan } from './plan.ts'

/** The result of one check: undefined if the target is healthy, otherwise why not (part of a sentence). */
export type CheckResult = string | undefined

/** Checks one target: it accepts a connection, or it responds to a GET with a status that counts as healthy. */
export function probe(
  upstream: Upstream,
  plan: CheckPlan,
  request: { readonly host: string; readonly headBytes: number },
): Promise<CheckResult> {
  const { promise, resolve } = Promise.withResolvers<CheckResult>()
  const transport = upstream.dial()
  const timer = setTimeout(() => finish(`it did not respond within ${plan.timeoutMs} ms`), plan.timeoutMs)
  const finish = (result: CheckResult): void => {
    clearTimeout(timer)
    transport.receiver = IGNORE
    transport.destroy()
    resolve(result)
  }
  let text = ''
  transport.receiver = {
    ...IGNORE,
    onOpen: () => {
      if (plan.type === 'tcp') return finish(undefined)
      transport.write(
        `GET ${plan.path} HTTP/1.1\r\nhost: ${request.host}\r\nuser-agent: branchline-check\r\naccept: */*\r\nconnection: close\r\n\r\n`,
      )
    },
    onData: (data) => {
      text += data.toString('latin1')
      const status = /^HTTP\/1\.[01] ([2-9]\d\d)/.exec(text)?.[1]
      if (status !== undefined)
        finish(plan.isHealthy(Number(status)) ? undefined : `it responds with ${status}`)
      else if (!isInterim(text) || text.length > request.headBytes) finish('its response is not HTTP/1.1')
      // An interim response comes before the response.
      else text = text.replace(/^HTTP\/1\.1 1[\s\S]*?\r\n\r\n/, '')
    },
    onEnd: () => finish('it closes connections without a response'),
    onClose: (error) =>
      finish(error === undefined ? 'it closes connections without a response' : whyNot(error)),
  }
  return promise
}

/** Whether this may still become the beginning of a response. */
const isInterim = (text: string): boolean =>
  text.startsWith('HTTP/1.1 1') || 'HTTP/1.1 '.startsWith(text.slice(0, 9))

function whyNot(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message
  return code === 'BL_DIAL_REFUSED' ? error.message : `it cannot be reached (${code})`
}
