import { ConfigurationError, VariableReader } from '@branchline/runtime/process/config'
import { readConfig as readManagerConfig } from '@branchline/runtime/manager/config'
import { readConfig as readRelayConfig } from '@branchline/runtime/relay/config'
import { readConfig as readSidecarConfig } from '@branchline/runtime/sidecar/config'
import { code, table } from './markdown.ts'
import { COMMANDS, DEVELOPMENT, MEANINGS, type Process } from './variable-meanings.ts'

type Environment = Readonly<Record<string, string>>
type ReadConfig = (environment: Environment) => unknown

/** How a process reads a variable. */
interface VariableUse {
  readonly values: string
  readonly preset: string
}

/** The configuration readers, and the variables with which each reads every variable that it knows. */
const READERS: Readonly<Record<Process, readonly [ReadConfig, Environment]>> = {
  Sidecar: [readSidecarConfig, {}],
  Manager: [readManagerConfig, { BRANCHLINE_SOURCE: 'local', BRANCHLINE_RELAY: 'ws://relay' }],
  Relay: [readRelayConfig, {}],
}

/**
 * Returns the reference of the environment variables that the processes read when they start. Omits variables that
 * `elsewhere`, the text of other pages, lists.
 */
export function variablesReference(elsewhere: string): string {
  const sections = (Object.keys(READERS) as Process[]).map((process) => {
    const used = variablesOf(process, elsewhere)
    const rows = used.map(([name, { values, preset }]) => [
      code(name),
      values,
      preset,
      MEANINGS[process][name] as string,
    ])
    return `## ${process}\n\n${table(['Variable', 'Values', 'Default', 'Meaning'], rows)}`
  })
  return [
    '# Environment variables\n',
    'A process reads its variables when it starts. If one is wrong, it names every fault and exits with 64. Waits and sizes are on the page of [settings](settings.md).\n',
    ...sections,
    '## Command line\n',
    table(
      ['Variable', 'Meaning'],
      Object.entries(COMMANDS).map(([name, meaning]) => [code(name), meaning]),
    ),
    '## Development\n',
    table(
      ['Variable', 'Meaning'],
      Object.entries(DEVELOPMENT).map(([name, meaning]) => [code(name), meaning]),
    ),
  ].join('\n')
}

/** Returns the variables that a process reads. Throws if `variable-meanings.ts` does not list exactly these. */
function variablesOf(process: Process, elsewhere: string): readonly (readonly [string, VariableUse])[] {
  const [read, environment] = READERS[process]
  const used = record(() => read(environment))
  const here = [...used].filter(([name]) => !elsewhere.includes(code(name)))
  const meanings = MEANINGS[process]
  const missing = here.map(([name]) => name).filter((name) => meanings[name] === undefined)
  const named = new Set(here.map(([name]) => name))
  const unknown = Object.keys(meanings).filter((name) => !named.has(name))
  if (missing.length + unknown.length === 0) return here
  throw new Error(
    `scripts/docs/variable-meanings.ts, ${process}: add ${missing.join(', ') || 'none'}; ` +
      `remove ${unknown.join(', ') || 'none'}`,
  )
}

/** Runs a configuration reader and records each variable that it reads, in order. */
function record(read: () => unknown): Map<string, VariableUse> {
  const used = new Map<string, VariableUse>()
  const original = Object.getOwnPropertyDescriptors(VariableReader.prototype)
  const note = (kind: keyof typeof DESCRIBE) => {
    const method = original[kind].value as (...args: unknown[]) => unknown
    return function noted(this: VariableReader, name: string, ...args: unknown[]): unknown {
      // One method may call another. The outer one has the details.
      if (!used.has(name)) used.set(name, DESCRIBE[kind](...args))
      return method.call(this, name, ...args)
    }
  }
  for (const kind of Object.keys(DESCRIBE) as (keyof typeof DESCRIBE)[]) {
    Object.defineProperty(VariableReader.prototype, kind, { ...original[kind], value: note(kind) })
  }
  try {
    read()
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
  } finally {
    Object.defineProperties(VariableReader.prototype, original)
  }
  return used
}

type Preset = string | number | undefined

const preset = (value: Preset): string => {
  if (value === undefined) return 'required'
  return value === '' ? '' : code(String(value))
}
const DESCRIBE = {
  text: (value?: unknown): VariableUse => ({ values: '', preset: preset(value as Preset) }),
  port: (value?: unknown): VariableUse => ({ values: 'port', preset: preset(value as Preset) }),
  integer: (value?: unknown, bounds?: unknown): VariableUse => {
    const { min, max } = bounds as { min: number; max: number }
    return { values: `${min} to ${max}`, preset: preset(value as Preset) }
  },
  choice: (choices?: unknown, value?: unknown): VariableUse => ({
    values: (choices as readonly string[]).map(code).join(', '),
    preset: preset(value as Preset),
  }),
  parsed: (_parse?: unknown, value?: unknown): VariableUse => ({
    values: '',
    preset: preset(value as Preset),
  }),
} as const
