import fc from 'fast-check'
import { Field, type FieldTree } from './fields.ts'
import { FIELDS, type PlatformValues } from './values.ts'

/** Texts that YAML, Go templates and printf each would read as something else. */
const TEXTS = [
  'plain',
  'two words',
  '"quoted" and \'so\'',
  '{{ .Values.cluster }}',
  '}} {{- end }}',
  '%s %d 100%',
  'key: value # none',
  'true',
  '012',
  '- item',
  'back\\slash\nnext',
  'größer 語',
]
const OF_PATH: Readonly<Record<string, readonly unknown[]>> = {
  cluster: ['eu', 'a-1'],
  'relay.address': ['wss://relay.example.com', 'ws://r:1/"%s"'],
  'relay.domain': ['localhost', 'preview.example.com'],
  'relay.publicUrl': ['https://preview.example.com', 'http://x:8080/'],
  'relay.nodePort': [30_080],
  'images.pullSecrets': [[{ name: 'registry' }]],
  'images.manager.digest': [`sha256:${'0a'.repeat(32)}`],
  'images.relay.digest': [`sha256:${'1b'.repeat(32)}`],
}
const OF_TYPE: Readonly<Record<string, readonly unknown[]>> = {
  string: TEXTS,
  integer: [0, 1, 7],
  boolean: [false, true],
  object: [{ a: 'b' }, Object.fromEntries(TEXTS.map((text, index) => [`x/${index}`, text]))],
  array: [
    [
      { key: 'dedicated', operator: 'Exists' },
      { key: 'b', tolerationSeconds: 3 },
    ],
  ],
}

/** Any values of an installation, with many that are not said. */
export const anyValues: fc.Arbitrary<PlatformValues> = treeValues(FIELDS, '') as fc.Arbitrary<PlatformValues>

function treeValues(tree: FieldTree, prefix: string): fc.Arbitrary<unknown> {
  return fc.record(
    Object.fromEntries(
      Object.entries(tree).map(([name, entry]) => [
        name,
        entry instanceof Field ? fieldValues(prefix + name, entry) : treeValues(entry, `${prefix}${name}.`),
      ]),
    ),
  )
}

function fieldValues(path: string, { schema, standard }: Field): fc.Arbitrary<unknown> {
  const some = OF_PATH[path] ?? schema.enum?.filter((one) => one !== '') ?? OF_TYPE[schema.type] ?? []
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant(standard) },
    { weight: 1, arbitrary: fc.constantFrom(...some) },
  )
}
