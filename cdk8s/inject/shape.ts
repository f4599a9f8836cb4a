import { z } from 'zod'
import { type Finding, findingAt } from './finding.ts'
import type { Manifest } from './manifest.ts'

/** The lists and maps that an injection reads. Other fields, and values, are the API server's to judge. */
const map = z.record(z.string(), z.unknown()).nullish()
const metadata = z.looseObject({ labels: map, annotations: map }).nullish()
const list = <T extends z.ZodType>(item: T) => z.array(item).nullish()

const container = z.looseObject({
  name: z.string(),
  ports: list(z.looseObject({})),
  env: list(z.looseObject({})),
  lifecycle: map,
  resources: z.looseObject({ requests: map, limits: map }).nullish(),
})
const podSpec = z.looseObject({
  containers: list(container),
  initContainers: list(container),
  volumes: list(z.looseObject({})),
  dnsConfig: z.looseObject({ searches: list(z.string()) }).nullish(),
  nodeSelector: map,
  os: map,
})
const template = z.looseObject({ metadata, spec: podSpec.nullish() }).nullish()
const holder = z.looseObject({ template }).nullish()
const selector = z
  .looseObject({
    matchLabels: map,
    matchExpressions: list(z.looseObject({ key: z.string(), values: list(z.unknown()) })),
  })
  .nullish()
const peers = list(z.looseObject({ podSelector: selector, namespaceSelector: selector, ipBlock: map }))
const rules = list(z.looseObject({ from: peers, to: peers, ports: list(z.looseObject({})) }))

const SPECS: Readonly<Record<string, z.ZodType>> = {
  'v1/Service': z.looseObject({ selector: map, ports: list(z.looseObject({})) }).nullish(),
  'v1/Pod': podSpec.nullish(),
  'v1/ReplicationController': holder,
  'v1/ResourceQuota': z.looseObject({ hard: map }).nullish(),
  'v1/LimitRange': z
    .looseObject({ limits: list(z.looseObject({ min: map, max: map, default: map, defaultRequest: map })) })
    .nullish(),
  'networking.k8s.io/v1/NetworkPolicy': z
    .looseObject({ podSelector: selector, policyTypes: list(z.string()), ingress: rules, egress: rules })
    .nullish(),
  'batch/v1/CronJob': z.looseObject({ jobTemplate: z.looseObject({ spec: holder }).nullish() }).nullish(),
}
const TEMPLATED = /^(?:apps|batch|argoproj\.io)\//

function schemaOf({ apiVersion, kind }: Manifest): z.ZodType {
  const spec =
    SPECS[`${apiVersion}/${kind}`] ?? (TEMPLATED.test(apiVersion) ? holder : z.unknown().optional())
  return z.looseObject({ metadata, spec })
}

const NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'a text',
}

/** Returns what is wrong with the lists and maps of an object. Nothing else can be read from it then. */
export function shapeFaults(manifest: Manifest): Finding[] {
  const { error } = schemaOf(manifest).safeParse(manifest)
  return (error?.issues ?? []).map((issue) => {
    const field = issue.path
      .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
      .join('')
      .slice(1)
    const wanted = issue.code === 'invalid_type' ? (NAMES[issue.expected] ?? issue.expected) : 'another value'
    return findingAt(manifest, field, 'BadShape', `${field} has the wrong type: wanted ${wanted}`)
  })
}
