import { customResourceDefinitions } from '@branchline/wire/resources/crd'
import { code, table } from './markdown.ts'

/** The parts of an OpenAPI schema that the reference reads. */
interface Field {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Field>>
  readonly items?: Field
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-validations'?: readonly { readonly message: string }[]
}
interface Column {
  readonly name: string
  readonly description: string
  readonly priority?: number
}
/** The spec of a CustomResourceDefinition of `customResourceDefinitions`. */
interface Spec {
  readonly group: string
  readonly scope: string
  readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] }
  readonly versions: readonly [
    {
      readonly name: string
      readonly additionalPrinterColumns: readonly Column[]
      readonly schema: { readonly openAPIV3Schema: Field }
    },
  ]
}

/** Returns the reference of the custom resources, generated from the CRDs. */
export const crdReference = (): string =>
  [
    '# Custom resources\n',
    ...customResourceDefinitions().map(({ spec }) => section(spec as unknown as Spec)),
  ].join('\n')

function section({ group, scope, names, versions: [version] }: Spec): string {
  const { kind, plural, shortNames } = names
  const root = version.schema.openAPIV3Schema
  const { spec = {}, status = {} } = root.properties ?? {}
  return [
    `## ${kind}\n`,
    `${root.description}\n`,
    `- API version: ${code(`${group}/${version.name}`)}\n- Scope: ${scope}\n` +
      `- Names for kubectl: ${[plural, ...shortNames].map(code).join(', ')}\n`,
    `### ${kind} spec\n`,
    table(['Field', 'Type', 'Default', 'Meaning'], fields(spec).map(specRow)),
    'The API server also checks:\n',
    messages(root)
      .map((message) => `- ${message}\n`)
      .join(''),
    `### ${kind} status\n`,
    table(['Field', 'Type', 'Meaning'], fields(status).map(statusRow)),
    `### ${kind} columns\n`,
    `What ${code(`kubectl get ${plural}`)} prints.\n`,
    table(['Column', 'Meaning', 'Shown'], version.additionalPrinterColumns.map(columnRow)),
  ].join('\n')
}

/** A field with its path, and whether the field above requires it. */
interface Placed {
  readonly path: string
  readonly field: Field
  readonly required: boolean
}

/** Returns every field below a schema. */
function fields(schema: Field, prefix = ''): Placed[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name
    const placed: Placed = { path, field, required: schema.required?.includes(name) === true }
    const items = field.items === undefined ? [] : fields(field.items, `${path}[].`)
    return [placed].concat(fields(field, `${path}.`), items)
  })
}

function specRow({ path, field, required }: Placed): string[] {
  const fallback = required ? 'required' : ''
  const preset = field.default === undefined ? fallback : code(JSON.stringify(field.default))
  return [code(path), typeOf(field), preset, field.description ?? '']
}

const statusRow = ({ path, field }: Placed): string[] => [code(path), typeOf(field), field.description ?? '']

const columnRow = ({ name, description, priority }: Column): string[] => [
  name,
  description,
  priority === undefined ? 'always' : 'with `-o wide`',
]

function typeOf(field: Field): string {
  if (field.enum !== undefined) return field.enum.map(code).join(', ')
  if (field['x-kubernetes-int-or-string'] === true) return 'integer or string'
  if (field.items !== undefined) return `list of ${typeOf(field.items)}`
  return field.format === undefined ? `${field.type}` : `${field.type} (${field.format})`
}

/** Returns the messages of the validation rules of a schema and of its fields. */
function messages(schema: Field): string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message)
  return [...new Set([...own, ...Object.values(schema.properties ?? {}).flatMap(messages)])]
}
