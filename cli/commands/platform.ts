import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import { parseValues } from '@branchline/cdk8s/platform/parse-values'
import { EXPOSE } from '@branchline/cdk8s/platform/props'
import { PLATFORM_VALUES, type PlatformValues, propsOf } from '@branchline/cdk8s/platform/values'
import { parseYaml } from '@branchline/runtime/local/manifests/yaml'
import { LineCounter, stringify } from 'yaml'
import { CHART_DEFAULTS, chartFiles } from '../install/chart.ts'
import type { Files } from '../install/files.ts'
import { kustomizeFiles } from '../install/kustomize.ts'
import { type Data, isMap, overlay } from '../install/overlay.ts'
import { CliError } from '../platform/errors.ts'
import { readManifestText } from './manifest-files.ts'

/** Options of `branchline platform`. Each overrides one value; without options {@link PLATFORM_VALUES} apply. */
export interface PlatformOptions {
  readonly cluster?: string
  readonly domain?: string
  readonly publicUrl?: string
  readonly expose?: string
  readonly relay?: string
  readonly monitors?: boolean
  /** The registry of both images. */
  readonly registry?: string
}

export type PlatformFormat = 'yaml' | 'kustomize' | 'helm'
export const PLATFORM_FORMATS: readonly PlatformFormat[] = ['yaml', 'kustomize', 'helm']

export interface PlatformRun extends PlatformOptions {
  readonly format: PlatformFormat
  /** A YAML file of settings, in the format of the chart's `values.yaml`. */
  readonly values?: string
  /** The folder to write to. */
  readonly out?: string
}

/**
 * Writes an installation of Branchline to a folder, or returns it as one text. Returns the text for standard
 * output: the installation or the names of its files. Throws a {@link CliError} that names each wrong value.
 */
export async function runPlatform({ format, values: file, out, ...options }: PlatformRun): Promise<string> {
  const base = format === 'helm' ? CHART_DEFAULTS : {}
  const values = platformValues(options, { ...base, ...(file === undefined ? {} : readValues(file)) })
  if (out === undefined) {
    if (format === 'yaml') return platformYaml(values)
    throw new CliError(
      'BL_PLATFORM_OPTIONS',
      `--format ${format} writes several files: set --out to a folder`,
    )
  }
  const files = await writeFiles(out, await platformFiles(format, values))
  return `${files.join('\n')}\n`
}

/** The manifests that install Branchline, as one YAML text for `kubectl apply --server-side -f -`. */
export const platformText = (options: PlatformOptions): string => platformYaml(platformValues(options))

async function platformFiles(format: PlatformFormat, values: PlatformValues): Promise<Files> {
  if (format === 'helm') return await chartFiles(values)
  return format === 'kustomize' ? kustomizeFiles(values) : { 'branchline.yaml': platformYaml(values) }
}

const platformYaml = (values: PlatformValues): string =>
  platformManifests(propsOf(values))
    .map((manifest) => stringify(manifest, { lineWidth: 0 }))
    .join('---\n')

/** Merges the construct's defaults, the given values and the options. Later ones take precedence. */
function platformValues(
  { cluster, domain, publicUrl, expose, relay, monitors, registry }: PlatformOptions,
  given: Data = {},
): PlatformValues {
  if (expose !== undefined && !EXPOSE.some((one) => one === expose)) {
    throw new CliError('BL_PLATFORM_OPTIONS', `--expose is ${expose}: wanted one of ${EXPOSE.join(', ')}`)
  }
  const options = {
    cluster,
    relay: defined({ domain, publicUrl, address: relay, service: defined({ type: expose }) }),
    image: defined({ registry }),
    podMonitor: defined({ enabled: monitors }),
  }
  const { values, faults } = parseValues(overlay(overlay(PLATFORM_VALUES, given), options))
  if (values !== undefined) return values
  throw new CliError('BL_PLATFORM_OPTIONS', faults.join('\n'))
}

/** Removes undefined entries. Returns undefined if no entry remains. */
function defined(map: Data): Data | undefined {
  const entries = Object.entries(map).filter(([, value]) => value !== undefined)
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

function readValues(file: string): Data {
  const [document, second] = parseYaml(readManifestText(file), new LineCounter())
  if (document?.message !== undefined) {
    throw new CliError(
      'BL_PLATFORM_OPTIONS',
      `--values ${file}:${document.line}: invalid YAML: ${document.message}`,
    )
  }
  const read = document?.value ?? {}
  if (isMap(read) && second === undefined) return read
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
