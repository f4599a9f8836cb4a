import { spawn } from 'node:child_process'
import { printableLine } from '@branchline/runtime/local/printable'
import { CliError } from '../platform/errors.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import { previewName } from '../view/previews.ts'
import { type EnvironmentObject, isReady, type PreviewObject, reasonsOf } from '../view/resources.ts'
import { notFound } from './list.ts'

export interface OpenOptions extends TargetOptions {
  /** Only print the URL. */
  readonly print?: boolean
}

/** Runs `branchline open`: prints the URL of a preview, and opens it in the browser if there is one. */
export async function runOpen(name: string | undefined, options: OpenOptions): Promise<void> {
  const target = await openTarget(options)
  const [previews, environments] = await Promise.all([target.list('Preview'), target.list('Environment')])
  const preview = choosePreview(name, previews, environments)
  const url = preview.status?.url
  const shown = previewName(preview, environments)
  if (url === undefined) {
    throw new CliError('BL_PREVIEW_NOT_READY', `${shown} has no URL yet: ${reasonsOf(preview).join('; ')}`)
  }
  if (!isReady(preview))
    process.stderr.write(`${printableLine(`${shown} is not ready: ${reasonsOf(preview).join('; ')}`)}\n`)
  process.stdout.write(`${printableLine(url)}\n`)
  if (options.print === true) return
  const failure = await openUrl(url)
  if (failure !== undefined)
    process.stderr.write(`no browser was opened (${failure}): open the URL yourself\n`)
}

/**
 * Chooses a preview by `web@alice`, by its name or by the name of its environment if that is unambiguous, or the only
 * one without a name. Throws a {@link CliError} with the choices.
 */
export function choosePreview(
  name: string | undefined,
  previews: readonly PreviewObject[],
  environments: readonly EnvironmentObject[],
): PreviewObject {
  const named = previews.map((preview) => ({ preview, full: previewName(preview, environments) }))
  const isCalled = (full: string): boolean => {
    const [its, environment] = full.split('@')
    return name === undefined || full === name || its === name || environment === name
  }
  const found = named.filter(({ full }) => isCalled(full))
  const [only, second] = found
  if (only !== undefined && second === undefined) return only.preview
  const names = (found.length > 0 ? found : named).map(({ full }) => full).toSorted()
  if (only !== undefined) {
    throw new CliError(
      'BL_USAGE',
      `${name ?? 'open'}: there are several previews, so name one of ${names.join(', ')}`,
    )
  }
  if (name === undefined)
    throw new CliError('BL_NOT_FOUND', 'there is no preview: add a Preview to an environment')
  throw new CliError('BL_NOT_FOUND', notFound('preview', name, names))
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}
/** How long an opener may take to say that it has failed, in milliseconds. */
const OPENER_MS = 2_000

/** Opens a URL with the program of the system. Resolves with the reason if that fails. */
async function openUrl(url: string): Promise<string | undefined> {
  const { protocol } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return `${protocol} is not a web address`
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  return await new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true })
    const timer = setTimeout(() => resolve(undefined), OPENER_MS)
    const end = (reason: string | undefined): void => {
      clearTimeout(timer)
      resolve(reason)
    }
    child.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ENOENT' ? `${program} is not installed` : error.message),
    )
    child.once('exit', (code) => end(code === 0 ? undefined : `${program} ended with ${code}`))
    child.unref()
  })
}
