import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import { EXPOSE } from '@branchline/cdk8s/platform/props'
import { parse, stringify } from 'yaml'
import type { Files } from '../install/files.ts'
import { HELM_DEFAULTS, helmFiles } from '../install/helm.ts'
import { kustomizeFiles } from '../install/kustomize.ts'
import { isMap, overlaid, parseValues } from '../install/read-values.ts'
import { type PlatformValues, propsOf, VALUES } from '../install/values.ts'
import { CliError } from '../platform/errors.ts'

/** What `branchline platform` is told; what is not, is as in {@link VALUES}. */
export interface PlatformOptions {
  readonly cluster?: string
  readonly domain?: string
  readonly publicUrl?: string
  readonly expose?: string
  readonly relay?: string
  readonly monitors?: boolean
}

export type PlatformFormat = 'yaml' | 'kustomize' | 'helm'
export const PLATFORM_FORMATS: readonly PlatformFormat[] = ['yaml', 'kustomize', 'helm']

export interface PlatformRun extends PlatformOptions {
  readonly format: PlatformFormat
  /** A file of values, as a chart has them. */
  readonly values?: string
  /** The folder to write to. */
  readonly out?: string
}

/**
 * What installs Branchline, in a folder or, as one text, on standard output: returns what to print. Throws a
 * {@link CliError} that names what is wrong.
 */
export async function runPlatform({ format, values: file, out, ...options }: PlatformRun): Promise<string> {
  const base = format === 'helm' ? HELM_DEFAULTS : {}
  const values = platformValues(options, { ...base, ...(file === undefined ? {} : await readValues(file)) })
  if (out === undefined) {
    if (format === 'yaml') return platformYaml(values)
    throw new CliError('BL_PLATFORM_OPTIONS', `--format ${format} is a folder of files: say which with --out`)
  }
  const files = await writeFiles(out, platformFiles(format, values))
  return `${files.join('\n')}\n`
}

/** The manifests that install Branchline, as one YAML text for `kubectl apply --server-side -f -`. */
export const platformText = (options: PlatformOptions): string => platformYaml(platformValues(options))

/** An installation as files of a format. Pure. */
export function platformFiles(format: PlatformFormat, values: PlatformValues): Files {
  if (format === 'helm') return helmFiles(values)
  return format === 'kustomize' ? kustomizeFiles(values) : { 'branchline.yaml': platformYaml(values) }
}

const platformYaml = (values: PlatformValues): string =>
  platformManifests(propsOf(values))
    .map((manifest) => stringify(manifest, { lineWidth: 0 }))
    .join('---\n')

/** The standard values, values that were read over them, and options over these. */
export function platformValues(
  { cluster, domain, publicUrl, expose, relay, monitors }: PlatformOptions,
  read: Readonly<Record<string, unknown>> = {},
): PlatformValues {
  if (expose !== undefined && !EXPOSE.some((one) => one === expose)) {
    throw new CliError('BL_PLATFORM_OPTIONS', `--expose is ${expose}: wanted one of ${EXPOSE.join(', ')}`)
  }
  const ofRelay = without({ domain, publicUrl, expose, address: relay })
  const said = { cluster, monitors, relay: Object.keys(ofRelay).length > 0 ? ofRelay : undefined }
  const { values, faults } = parseValues(overlaid(overlaid(VALUES, read), without(said)))
  if (values !== undefined) return values
  throw new CliError('BL_PLATFORM_OPTIONS', faults.join('\n'))
}

const without = (said: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))

async function readValues(file: string): Promise<Readonly<Record<string, unknown>>> {
  const read: unknown = parse(await readFile(file, 'utf8')) ?? {}
  if (isMap(read)) return read
  throw new CliError('BL_PLATFORM_OPTIONS', `--values ${file}: wanted a map of values`)
}

async function writeFiles(folder: string, files: Files): Promise<string[]> {
  const paths = Object.keys(files).map((path) => join(folder, path))
  for (const [index, text] of Object.values(files).entries()) {
    const path = paths[index] as string
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  return paths
}
