import type { Container, PodSpec, Projection, Volume, Workload } from '../kubernetes.ts'
import type { KubernetesObject } from './object.ts'
import { podTemplateOf, templatePath } from './pod-template.ts'
import {
  checked,
  dataKey,
  descendingPath,
  dnsLabel,
  dnsSubdomain,
  filePath,
  ipAddress,
  mountPath,
  type NameFault,
} from './names.ts'

type Faults = (NameFault | undefined)[]
type HostAlias = NonNullable<PodSpec['hostAliases']>[number]

/**
 * Finds names and paths within an object that Kubernetes does not allow and that become files, folders or lines of a
 * hosts file. Also finds duplicate names.
 */
export function innerNameFaults(object: KubernetesObject): NameFault[] {
  return faultsOf(object).filter((fault) => fault !== undefined)
}

function faultsOf(object: KubernetesObject): Faults {
  if (object.kind === 'ConfigMap') return keyFaults(object, ['data', 'binaryData'])
  if (object.kind === 'Secret') return keyFaults(object, ['data', 'stringData'])
  const template = podTemplateOf(object)
  if (template === undefined) return []
  const { volumeClaimTemplates = [] } = (object as unknown as Workload).spec
  return [
    ...podFaults(template.spec, [...(templatePath(object) ?? []), 'spec'].join('.')),
    ...volumeClaimTemplates.map(({ metadata }, index) =>
      checked(`spec.volumeClaimTemplates[${index}].metadata.name`, metadata.name, dnsLabel),
    ),
  ]
}

const keyFaults = (object: KubernetesObject, fields: readonly string[]): Faults =>
  fields.flatMap((field) =>
    Object.keys(object[field] ?? {}).map((key) => {
      const fault = checked(field, key, dataKey)
      return fault && { field, message: fault.message.replace(' is ', ' has the key ') }
    }),
  )

function podFaults(spec: PodSpec, path: string): Faults {
  const { initContainers = [], containers, volumes = [], hostAliases = [], serviceAccountName } = spec
  return [
    ...initContainers.flatMap((container, index) =>
      containerFaults(container, `${path}.initContainers[${index}]`),
    ),
    ...containers.flatMap((container, index) => containerFaults(container, `${path}.containers[${index}]`)),
    ...twice([...initContainers, ...containers], `${path}.containers`),
    ...volumes.flatMap((volume, index) => volumeFaults(volume, `${path}.volumes[${index}]`)),
    ...twice(volumes, `${path}.volumes`),
    ...hostAliases.flatMap((alias, index) => aliasFaults(alias, `${path}.hostAliases[${index}]`)),
    serviceAccountName === undefined
      ? undefined
      : checked(`${path}.serviceAccountName`, serviceAccountName, dnsSubdomain),
  ]
}

const aliasFaults = ({ ip, hostnames }: HostAlias, path: string): Faults => [
  checked(`${path}.ip`, ip, ipAddress),
  ...hostnames.map((name, index) => checked(`${path}.hostnames[${index}]`, name, dnsSubdomain)),
]

const containerFaults = ({ name, volumeMounts = [] }: Container, path: string): Faults => [
  checked(`${path}.name`, name, dnsLabel),
  ...volumeMounts.flatMap((mount, index) => [
    checked(`${path}.volumeMounts[${index}].mountPath`, mount.mountPath, mountPath),
    checked(`${path}.volumeMounts[${index}].subPath`, mount.subPath ?? '', descendingPath),
  ]),
]

function twice(named: readonly { readonly name: string }[], field: string): Faults {
  const names = named.map(({ name }) => name)
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index))
  return [...repeated].map((name) => ({
    field,
    message: `${field} has the name ${JSON.stringify(name)} twice: rename one`,
  }))
}

const volumeFaults = (volume: Volume, path: string): Faults => [
  checked(`${path}.name`, volume.name, dnsLabel),
  ...itemFaults(volume.configMap?.items, `${path}.configMap`),
  ...itemFaults(volume.secret?.items, `${path}.secret`),
  ...itemFaults(volume.downwardAPI?.items, `${path}.downwardAPI`),
  volume.persistentVolumeClaim === undefined
    ? undefined
    : checked(
        `${path}.persistentVolumeClaim.claimName`,
        volume.persistentVolumeClaim.claimName,
        dnsSubdomain,
      ),
  ...(volume.projected?.sources ?? []).flatMap((source, index) =>
    projectionFaults(source, `${path}.projected.sources[${index}]`),
  ),
]

const projectionFaults = (source: Projection, path: string): Faults => [
  ...itemFaults(source.configMap?.items, `${path}.configMap`),
  ...itemFaults(source.secret?.items, `${path}.secret`),
  ...itemFaults(source.downwardAPI?.items, `${path}.downwardAPI`),
  source.serviceAccountToken === undefined
    ? undefined
    : checked(`${path}.serviceAccountToken.path`, source.serviceAccountToken.path, filePath),
]

const itemFaults = (items: readonly { readonly path: string }[] | undefined, path: string): Faults =>
  (items ?? []).map((item, index) => checked(`${path}.items[${index}].path`, item.path, filePath))
