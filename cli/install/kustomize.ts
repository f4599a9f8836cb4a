import { crdManifests } from '@branchline/cdk8s/platform/manifests'
import { stringify } from 'yaml'
import { type Files, inFiles } from './files.ts'
import { identity, objectsOf } from './installation.ts'
import type { PlatformValues } from './values.ts'

const document = (object: object): string => stringify(object, { lineWidth: 0 })

/** A kustomize base: the same objects as the Platform construct's, in files by what they are for. Pure. */
export function kustomizeFiles(values: PlatformValues): Files {
  const files = inFiles(objectsOf(values).map((object) => [identity(object), document(object)]))
  // CRDs before all that may need them, the namespace before what is in it.
  const { namespace = [], ...rest } = Object.fromEntries(files)
  const ordered = {
    ...(namespace.length > 0 ? { namespace } : {}),
    crds: crdManifests().map(document),
    ...rest,
  }
  const resources = Object.keys(ordered).map((name) => `${name}.yaml`)
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources,
    images: imagesOf(values),
  }
  const documents = Object.entries(ordered).map(
    ([name, texts]) => [`${name}.yaml`, texts.join('---\n')] as const,
  )
  return { 'kustomization.yaml': document(kustomization), ...Object.fromEntries(documents) }
}

/** What kustomize's image transformer says as long as nobody says otherwise: `kustomize edit set image`. */
function imagesOf({ images, relay }: PlatformValues): object[] {
  const used = relay.enabled && relay.address === '' ? [images.manager, images.relay] : [images.manager]
  return used.map(({ repository, digest }) => ({
    name: images.registry === '' ? repository : `${images.registry}/${repository}`,
    newTag: images.tag,
    digest: digest === '' ? undefined : digest,
  }))
}
