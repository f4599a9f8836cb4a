import { API_VERSION } from '@branchline/wire/names'
import { parsePreview } from '@branchline/wire/resources/parse'
import type { Access, Preview as PreviewResource } from '@branchline/wire/resources/preview'
import { ApiObject } from 'cdk8s'
import { Construct, type IConstruct } from 'constructs'
import { type Manifest, serviceSpecOf } from '../inject/manifest.ts'
import { Environment } from './environment.ts'
import { SynthError } from './errors.ts'
import { findService } from './registry.ts'
import { registryOf } from './synth.ts'
import { targetOf } from './target.ts'

export interface PreviewProps {
  /** The Service that visitors reach. Default: the Service that is given, or the one with the preview's name. */
  readonly service?: string
  /**
   * The Service's port, by number or by name. Default: the only port of the Service, or its port `http`, if this app
   * defines the Service before the preview.
   */
  readonly port?: number | string
  /** Who may open the preview. Default: `public`. */
  readonly access?: Access
}

/**
 * A URL that shows one service of one environment. The service is a name, or a construct that is or has a Service: a
 * Workload, or an object of cdk8s-plus. The preview has its name. Throws a SynthError for invalid input.
 */
export class Preview extends Construct {
  /** The resource as a manager reads it. */
  readonly resource: PreviewResource

  constructor(scope: Construct, service: string | IConstruct, props: PreviewProps = {}) {
    const id = nameOf(service)
    super(scope, `preview-${id}`)
    const environment = Environment.around(this)
    if (environment === undefined) {
      throw new SynthError('BL_SYNTH_PREVIEW', [
        `Preview "${id}" is not in an environment: construct it in an Environment`,
      ])
    }
    const registry = registryOf(this)
    const name = props.service ?? id
    const isGiven = typeof service !== 'string' && props.service === undefined
    const object = isGiven
      ? targetOf(service, ['Service'])?.object
      : findService(registry, environment.node.id, name)?.object
    const { port = defaultPort(object?.toJson() as Manifest | undefined), access = 'public' } = props
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'Preview',
      metadata: { name: id, namespace: environment.resource.metadata.namespace },
      spec: { service: name, port, access },
    }
    const { value, problems } = parsePreview(manifest)
    if (value === undefined) {
      throw new SynthError(
        'BL_SYNTH_PREVIEW',
        problems.map(({ message }) => `Preview "${id}" of "${environment.node.id}": ${message}`),
      )
    }
    this.resource = value
    registry.previews.push(value)
    new ApiObject(this, 'preview', manifest)
  }
}

function nameOf(service: string | IConstruct): string {
  if (typeof service === 'string') return service
  const target = targetOf(service, ['Service'])
  if (target !== undefined) return target.name
  throw new SynthError('BL_SYNTH_PREVIEW', [
    `Preview of "${service.node.path}": it has no Service; give it one, such as with exposeViaService(), or name one`,
  ])
}

function defaultPort(service: Manifest | undefined): number | undefined {
  const ports = (service && serviceSpecOf(service)?.ports) ?? []
  const [first, second] = ports
  if (second === undefined) return first?.port
  return ports.find(({ name }) => name === 'http')?.port
}
