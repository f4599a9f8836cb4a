import type { Manifest } from '@branchline/cdk8s/inject/manifest'
import { crdManifests, installationManifests, namespaceManifests } from '@branchline/cdk8s/platform/manifests'
import { imageParts, type PlatformValues, propsOf, runsRelay } from '@branchline/cdk8s/platform/values'
import { stringify } from 'yaml'
import type { Files } from './files.ts'

/** The file of each kind; the kinds that are missing here are in the file of their process. */
const FILE_OF_KIND: Readonly<Record<string, string>> = {
  Namespace: 'namespace',
  CustomResourceDefinition: 'crds',
  Secret: 'relay-token',
  ClusterRole: 'rbac',
  ClusterRoleBinding: 'rbac',
  Role: 'rbac',
  RoleBinding: 'rbac',
  NetworkPolicy: 'network-policies',
  PodMonitor: 'monitors',
}
const COMPONENT = 'app.kubernetes.io/component'

/** A kustomize base: the objects of the Platform construct, in one file for each purpose. Pure. */
export function kustomizeFiles(values: PlatformValues): Files {
  const props = propsOf(values)
  // The namespace comes before its objects, and CRDs come before everything that may need them.
  const objects = [...namespaceManifests(props), ...crdManifests(), ...installationManifests(props)]
  const files = new Map<string, string[]>()
  for (const object of objects) {
    const file = fileOf(object)
    files.set(file, [...(files.get(file) ?? []), document(object)])
  }
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [...files.keys()],
    images: imagesOf(values),
  }
  const texts = [...files].map(([file, documents]) => [file, documents.join('---\n')] as const)
  return { 'kustomization.yaml': document(kustomization), ...Object.fromEntries(texts) }
}

const document = (object: object): string => stringify(object, { lineWidth: 0 })

const fileOf = ({ kind, metadata }: Manifest): string =>
  `${FILE_OF_KIND[kind] ?? metadata.labels?.[COMPONENT]}.yaml`

/** Settings of kustomize's image transformer, which `kustomize edit set image` changes. */
function imagesOf(values: PlatformValues): object[] {
  const components = runsRelay(values) ? [values.manager, values.relay] : [values.manager]
  return components.map(({ image }) => {
    const { name, tag, digest } = imageParts(values, image)
    return { name, newTag: tag, digest }
  })
}
