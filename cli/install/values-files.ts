import { stringify } from 'yaml'
import { Field, type FieldTree } from './fields.ts'
import { FIELDS, type PlatformValues } from './values.ts'

const STEP = '  '

/** A chart's `values.yaml`: all values, each below what it means. */
export const valuesText = (values: PlatformValues): string =>
  `${[...treeLines(FIELDS, values, '')].join('\n')}\n`

function* treeLines(tree: FieldTree, values: object, pad: string): Generator<string> {
  for (const [name, entry] of Object.entries(tree)) {
    const value = (values as Readonly<Record<string, unknown>>)[name]
    if (entry instanceof Field) {
      if (entry.doc !== '') yield `${pad}# ${entry.doc}`
      const lines = stringify({ [name]: value }, { lineWidth: 0 })
      yield* lines
        .trimEnd()
        .split('\n')
        .map((line) => pad + line)
    } else {
      yield `${pad}${name}:`
      yield* treeLines(entry, value as object, pad + STEP)
    }
  }
}

interface Schema {
  readonly [keyword: string]: unknown
}

/** A chart's `values.schema.json` (JSON Schema, draft 7): Helm refuses what is not in it. */
export function schemaText(): string {
  const root = schemaOf(FIELDS)
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...root,
    // Helm's own, in a chart that is part of another.
    properties: { ...(root.properties as object), global: { type: 'object' } },
    // A port of nodes is for NodePort, where there is a relay.
    anyOf: [
      within('relay', { expose: { const: 'NodePort' } }),
      within('relay', { nodePort: { const: 0 } }),
      within('relay', { enabled: { const: false } }),
      within('relay', { address: { minLength: 1 } }),
    ],
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

const within = (name: string, properties: Schema): Schema => ({ properties: { [name]: { properties } } })

function schemaOf(tree: FieldTree): Schema {
  const properties = Object.entries(tree).map(([name, entry]) => [
    name,
    entry instanceof Field
      ? { ...(entry.doc === '' ? {} : { description: entry.doc }), ...entry.schema }
      : schemaOf(entry),
  ])
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(tree),
    properties: Object.fromEntries(properties) as Schema,
  }
}
