import { explainRoute } from '../route/explain.ts'
import { requestOf, type RequestOptions } from '../route/request.ts'
import { explainText } from '../route/text.ts'
import { readStdin } from './stdin.ts'

/** Options of the command. */
export interface RouteExplainOptions extends RequestOptions {
  readonly json?: boolean
}

/** Runs `branchline route explain`. Returns what to print. */
export async function runRouteExplain(url: string, options: RouteExplainOptions): Promise<string> {
  const request = await requestOf(url, options, readStdin)
  const explained = await explainRoute(request.url, request)
  return options.json === true ? `${JSON.stringify(explained, undefined, 2)}\n` : explainText(explained)
}
