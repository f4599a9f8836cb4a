import { ConfigurationError, VariableReader } from '@branchline/runtime/process/config'
import { readConfig as readManagerConfig } from '@branchline/runtime/manager/config'
import { readConfig as readRelayConfig } from '@branchline/runtime/relay/config'
import { readConfig as readSidecarConfig } from '@branchline/runtime/sidecar/config'
import { code, table } from './markdown.ts'
import { DEVELOPMENT, MEANINGS, type Process } from './variable-meanings.ts'

type Environment = Readonly<Record<string, string>>
type ReadConfig = (environment: Environment) => unknown

/** A variable, as a process asks for it. */
interface Asked {
  readonly values: string
  readonly preset: string
}

/** With these, each process asks for every variable that it knows. */
const READERS: Readonly<Record<Process, readonly [ReadConfig, Environment]>> = {
  Sidecar: [readSidecarConfig, {}],
  Manager: [readManagerConfig, { BRANCHLINE_SOURCE: 'local', BRANCHLINE_RELAY: 'ws://relay' }],
  Relay: [readRelayConfig, {}],
}

/**
 * The reference of the environment variables, from what the processes ask for when they start. Variables that
 * another page lists, whose texts are given, are left out.
 */
export function variablesReference(elsewhere: string): string {
  const sections = (Object.keys(READERS) as Process[]).map((process) => {
    const asked = variablesOf(process, elsewhere)
    const rows = asked.map(([name, { values, preset }]) => [
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
    '## Development\n',
    table(
      ['Variable', 'Meaning'],
      Object.entries(DEVELOPMENT).map(([name, meaning]) => [code(name), meaning]),
    ),
  ].join('\n')
}

/** What a process asks for. Throws where `variable-meanings.ts` lacks one of these, or has another one. */
function variablesOf(process: Process, elsewhere: string): readonly (readonly [string, Asked])[] {
  const [read, environment] = READERS[process]
  const asked = record(() => read(environment))
  const here = [...asked].filter(([name]) => !elsewhere.includes(code(name)))
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

/** Runs a reader of configuration and notes each variable that it asks for, in order. */
function record(read: () => unknown): Map<string, Asked> {
  const asked = new Map<string, Asked>()
  const original = Object.getOwnPropertyDescriptors(VariableReader.prototype)
  const note = (kind: keyof typeof DESCRIBE) => {
    const method = original[kind].value as (...args: unknown[]) => unknown
    return function noted(this: VariableReader, name: string, ...args: unknown[]): unknown {
      // A reader of one kind may use that of another kind: the first one knows most.
      if (!asked.has(name)) asked.set(name, DESCRIBE[kind](...args))
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
  return asked
}

type Preset = string | number | undefined

const preset = (value: Preset): string => {
  if (value === undefined) return 'required'
  return value === '' ? '' : code(String(value))
}
const DESCRIBE = {
  text: (value?: unknown): Asked => ({ values: '', preset: preset(value as Preset) }),
  port: (value?: unknown): Asked => ({ values: 'port', preset: preset(value as Preset) }),
  integer: (value?: unknown, bounds?: unknown): Asked => {
    const { min, max } = bounds as { min: number; max: number }
    return { values: `${min} to ${max}`, preset: preset(value as Preset) }
  },
  choice: (choices?: unknown, value?: unknown): Asked => ({
    values: (choices as readonly string[]).map(code).join(', '),
    preset: preset(value as Preset),
  }),
  parsed: (_parse?: unknown, value?: unknown): Asked => ({ values: '', preset: preset(value as Preset) }),
} as const
