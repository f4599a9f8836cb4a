import { API_VERSION } from '@branchline/wire/names'
import { parsePreview } from '@branchline/wire/resources/parse'
import type { Access, Preview as PreviewResource } from '@branchline/wire/resources/preview'
import { ApiObject } from 'cdk8s'
import { Construct } from 'constructs'
import { Environment } from './environment.ts'
import { SynthError } from './errors.ts'
import { registryOf } from './registry.ts'

export interface PreviewProps {
  /** The Service that visitors reach. Default: the preview's name. */
  readonly service?: string
  /** The Service's port, by number or by name. */
  readonly port: number | string
  /** Who may open the preview. Default: `public`. */
  readonly access?: Access
}

/** A URL that shows one service of one environment. Throws a SynthError for invalid input. */
export class Preview extends Construct {
  /** The resource as a manager reads it. */
  readonly resource: PreviewResource

  constructor(scope: Construct, id: string, props: PreviewProps) {
    super(scope, `preview-${id}`)
    const environment = Environment.around(this)
    if (environment === undefined) {
      throw new SynthError('BL_SYNTH_PREVIEW', [
        `Preview "${id}" is not in an environment: construct it in an Environment`,
      ])
    }
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'Preview',
      metadata: { name: id, namespace: environment.resource.metadata.namespace },
      spec: { service: props.service ?? id, port: props.port, access: props.access ?? 'public' },
    }
    const { value, problems } = parsePreview(manifest)
    if (value === undefined) {
      throw new SynthError(
        'BL_SYNTH_PREVIEW',
        problems.map(({ message }) => `Preview "${id}" of "${environment.node.id}": ${message}`),
      )
    }
    this.resource = value
    registryOf(this).previews.push(value)
    new ApiObject(this, 'preview', manifest)
  }
}
