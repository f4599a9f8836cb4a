import { z } from 'zod'
import { GROUP, VERSION } from '../names.ts'
import { environmentSpec, environmentStatus } from './environment.ts'
import { LABEL_PATTERN } from './fields.ts'
import { previewSpec, previewStatus } from './preview.ts'

/** A JSON schema, or a part of one. */
export interface Schema {
  [keyword: string]: unknown
}

/** A CustomResourceDefinition of apiextensions.k8s.io/v1, ready to apply. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string; labels?: Record<string, string>; [field: string]: unknown }
  readonly spec: { readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description: string
  /** 1 shows the column only with `-o wide`. */
  readonly priority?: number
}

interface Definition {
  readonly kind: string
  readonly plural: string
  readonly shortNames: readonly string[]
  readonly description: string
  readonly spec: z.ZodType
  readonly status: z.ZodType
  readonly columns: readonly Column[]
  readonly rules: readonly { rule: string; message: string; fieldPath?: string }[]
}

/** Returns the CRDs of Branchline's resources, generated from the schemas that parse them. */
export function customResourceDefinitions(labels?: Record<string, string>): CustomResourceDefinition[] {
  return [ENVIRONMENT, PREVIEW].map((definition) => definitionOf(definition, labels))
}

const NAME_RULE = {
  rule: `self.metadata.name.size() <= 63 && self.metadata.name.matches('${LABEL_PATTERN}')`,
  message: 'metadata.name must be at most 63 lower-case letters, digits and inner hyphens',
}

const READY: readonly Column[] = [
  {
    name: 'Ready',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: 'Whether the resource is in effect.',
  },
  {
    name: 'Reason',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why the resource is or is not in effect.',
  },
]
const AGE: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'How long ago it was created.',
}

const ENVIRONMENT: Definition = {
  kind: 'Environment',
  plural: 'environments',
  shortNames: ['env'],
  description:
    'An environment of services. A namespace has at most one. A shared environment runs every service. A branch ' +
    'runs only the services that it changes, and its base serves the others. Each request carries a key that ' +
    'selects the environment.',
  spec: environmentSpec,
  status: environmentStatus,
  rules: [
    NAME_RULE,
    {
      rule: '!has(self.spec.base) || self.spec.base != self.metadata.name',
      message: 'an environment cannot be its own base: set spec.base to another environment',
      fieldPath: '.spec.base',
    },
  ],
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type', description: 'shared, personal or branch.' },
    {
      name: 'Base',
      type: 'string',
      jsonPath: '.spec.base',
      description: 'Environment that serves the services which this one does not run.',
    },
    {
      name: 'Overrides',
      type: 'string',
      jsonPath: '.status.overridesSummary',
      description: 'Services that the environment runs instead of its base.',
    },
    ...READY,
    {
      name: 'Routes',
      type: 'string',
      jsonPath: '.status.routes',
      description: 'Number of sidecars that serve the newest route table.',
    },
    {
      name: 'URL',
      type: 'string',
      jsonPath: '.status.previews[*].url',
      description: 'URL of the first preview.',
    },
    AGE,
    { name: 'Key', type: 'string', jsonPath: '.status.key', description: 'Routing key.', priority: 1 },
    {
      name: 'Sidecars',
      type: 'string',
      jsonPath: '.status.sidecars.summary',
      description: 'Number of sidecars that are connected to the manager.',
      priority: 1,
    },
    {
      name: 'Expires',
      type: 'string',
      jsonPath: '.status.expiresAt',
      description: 'When the ttl ends.',
      priority: 1,
    },
    {
      name: 'Warnings',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Warnings")].reason',
      description: 'Things that work differently from what you might expect. See the condition for details.',
      priority: 1,
    },
  ],
}

const PREVIEW: Definition = {
  kind: 'Preview',
  plural: 'previews',
  shortNames: ['pvw'],
  description: 'A URL that shows one service of one environment.',
  spec: previewSpec,
  status: previewStatus,
  rules: [NAME_RULE],
  columns: [
    {
      name: 'Service',
      type: 'string',
      jsonPath: '.spec.service',
      description: 'Service that visitors reach.',
    },
    { name: 'Port', type: 'string', jsonPath: '.spec.port', description: 'Port of the Service.' },
    { name: 'URL', type: 'string', jsonPath: '.status.url', description: 'URL of the preview.' },
    ...READY,
    AGE,
    {
      name: 'Access',
      type: 'string',
      jsonPath: '.spec.access',
      description: 'Who may open the preview.',
      priority: 1,
    },
  ],
}

function definitionOf(definition: Definition, labels?: Record<string, string>): CustomResourceDefinition {
  const { kind, plural, shortNames, columns } = definition
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, ...(labels === undefined ? {} : { labels }) },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['branchline'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootSchema(definition) },
        },
      ],
    },
  }
}

function rootSchema({ description, spec, status, rules }: Definition): Schema {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structural(spec),
      status: structural(status),
    },
    'x-kubernetes-validations': rules,
  }
}

/**
 * Converts a zod schema to a structural schema of Kubernetes. It removes `additionalProperties: false`, because the API
 * server prunes or refuses unknown fields. It removes the alternatives of an int-or-string, which CEL validates instead.
 */
function structural(schema: z.ZodType): Schema {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties
      if ((jsonSchema as Schema)['x-kubernetes-int-or-string'] === true) delete jsonSchema.anyOf
    },
  }) as Schema
}
