import type { Manifest } from '@branchline/cdk8s/inject'
import type { CreatedEnvironment, CreateRequest } from './create.ts'
import { changesOf } from './create.ts'

const ENFORCED = 'pod-security.kubernetes.io/enforce'

/**
 * Formats a new environment as a program with constructs, which reads the manifests of the base from `from`: a path
 * relative to the program, or to the current folder if it is printed. Running it synthesises the same objects.
 */
export function programText(
  comment: string,
  request: CreateRequest,
  { manifests, namespaces }: CreatedEnvironment,
  from: { readonly path: string; readonly isBesideProgram: boolean },
): string {
  const { name, base, ttl, overrides } = request
  const [namespace] = manifests
  const properties = [
    `type: 'branch'`,
    `base: ${quoted(base)}`,
    `above: [${namespaces.map(quoted).join(', ')}]`,
    ...(ttl === undefined ? [] : [`ttl: ${quoted(ttl)}`]),
    // The default of a branch without a base in the program is stricter than the namespace of the base.
    `podSecurity: ${quoted(namespace?.metadata.labels?.[ENFORCED] ?? 'privileged')}`,
  ]
  const previews = manifests.filter(({ kind }) => kind === 'Preview')
  const path = from.isBesideProgram
    ? `\`\${import.meta.dirname}/${from.path.replaceAll(/[`\\$]/g, String.raw`\$&`)}\``
    : quoted(from.path)
  const classes = [
    'Environment',
    ...(overrides.length > 0 ? ['Override'] : []),
    ...(previews.length > 0 ? ['Preview'] : []),
  ]
  return `// ${comment.replaceAll('\n', ' ')}
import { ${classes.join(', ')} } from '@branchline/cdk8s'
${overrides.length > 0 ? `import { manifestsFrom } from '@branchline/cdk8s/files'\n` : ''}import { App } from 'cdk8s'

const app = new App()
${overrides.length > 0 ? `const from = manifestsFrom(${path})\n` : ''}const branch = new Environment(app, ${quoted(name)}, { ${properties.join(', ')} })
${changesOf(overrides).map(overrideLine).join('')}${previews.map(previewLine).join('')}
app.synth()
`
}

function overrideLine([workload, { image, containers }]: ReturnType<typeof changesOf>[number]): string {
  const others = Object.entries(containers).map(
    ([name, own]) => `${quoted(name)}: { image: ${quoted(own.image)} }`,
  )
  const properties = [
    ...(image === undefined ? [] : [`image: ${quoted(image)}`]),
    ...(others.length === 0 ? [] : [`containers: { ${others.join(', ')} }`]),
    'from',
  ]
  return `new Override(branch, ${quoted(workload)}, { ${properties.join(', ')} })\n`
}

function previewLine({ spec }: Manifest): string {
  const { service, port } = spec as { service: string; port: number | string }
  return `new Preview(branch, ${quoted(service)}, { port: ${typeof port === 'number' ? port : quoted(port)} })\n`
}

/** A text of TypeScript in single quotes. */
const quoted = (text = ''): string =>
  `'${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(String.raw`\"`, '"')
    .replaceAll("'", String.raw`\'`)}'`
