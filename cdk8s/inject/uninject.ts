import { ANNOTATIONS, inboundPortSlot, SIDECAR_CONTAINER } from '@branchline/wire/names'
import {
  injectedTemplateOf,
  type Manifest,
  type Metadata,
  type PodSpec,
  type PodTemplate,
  type ServicePort,
  type ServiceSpec,
  serviceSpecOf,
} from './manifest.ts'
import { type InjectionRecord, preStopsOf, readRecord, restoreEmpty } from './record.ts'
import { shapeFaults } from './shape.ts'
import { TOKEN_VOLUME } from './sidecar.ts'

/** Returns the manifests as they were before the injection. Pure. Others, and misshapen ones, are returned unchanged. */
export function uninject(manifests: readonly Manifest[]): Manifest[] {
  return manifests.map((manifest) => {
    const copy = structuredClone(manifest)
    if (shapeFaults(copy).length > 0) return copy
    const template = injectedTemplateOf(copy)
    if (template !== undefined) restoreTemplate(template)
    const spec = serviceSpecOf(copy)
    if (spec !== undefined) restoreService(copy, spec)
    return copy
  })
}

/** Reports whether an object has the record of an injection. */
export function isInjected(manifest: Manifest): boolean {
  return readRecord(injectedTemplateOf(manifest) ?? manifest) !== undefined
}

function takeRecord(holder: { metadata?: Metadata }): InjectionRecord | undefined {
  const record = readRecord(holder)
  if (record !== undefined) removeFrom(holder.metadata, 'annotations', ANNOTATIONS.injected)
  return record
}

const isOurs = (target: unknown): boolean => inboundPortSlot(target) !== undefined

/** Restores the ports that still have our target. Someone has edited the others, and they stay as they are. */
function restoreService(service: Manifest, spec: ServiceSpec): void {
  const record = takeRecord(service) ?? {}
  restoreEmpty(service, record)
  const recorded = record.targetPorts ?? {}
  const isByTarget = Object.keys(recorded).every(isOurs)
  const ports = spec.ports ?? []
  const targets = isByTarget ? recorded : byTarget(recorded, ports)
  for (const port of ports) {
    const target = isOurs(port.targetPort) ? targets[port.targetPort as string] : undefined
    if (target === undefined) continue
    if (target === null) delete port.targetPort
    else port.targetPort = target
  }
}

/**
 * Converts a record by index. An index whose port is not ours any more belongs to a port that moved: the recorded targets
 * that are left go to our ports that are left, in their order.
 */
function byTarget(
  recorded: NonNullable<InjectionRecord['targetPorts']>,
  ports: readonly ServicePort[],
): NonNullable<InjectionRecord['targetPorts']> {
  const targets: NonNullable<InjectionRecord['targetPorts']> = {}
  const moved: (number | string | null)[] = []
  for (const [index, target] of Object.entries(recorded)) {
    const now = ports[Number(index)]?.targetPort
    if (isOurs(now)) targets[now as string] = target
    else moved.push(target)
  }
  for (const { targetPort } of ports) {
    if (!isOurs(targetPort) || (targetPort as string) in targets) continue
    const target = moved.shift()
    if (target !== undefined) targets[targetPort as string] = target
  }
  return targets
}

function restoreTemplate(template: PodTemplate): void {
  const record = takeRecord(template)
  if (record === undefined) return
  removeFrom(template.metadata, 'annotations', ANNOTATIONS.inbound)
  for (const [name, value] of Object.entries(record.labels ?? {})) {
    if (value === null) removeFrom(template.metadata, 'labels', name)
    else template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [name]: value } }
  }
  if (template.spec) restoreSpec(template.spec, record)
  restoreEmpty(template, record)
  if (isEmpty(template.metadata) && record.was?.['metadata'] === undefined) delete template.metadata
}

function restoreSpec(spec: PodSpec, record: InjectionRecord): void {
  strike(spec, 'initContainers', ({ name }) => name === SIDECAR_CONTAINER)
  strike(spec, 'volumes', ({ name }) => name === TOKEN_VOLUME)
  const wasIn = (path: string): boolean => record.was !== undefined && path in record.was
  const searches = new Set(record.searches)
  if (spec.dnsConfig && searches.size > 0) {
    strike(spec.dnsConfig, 'searches', (search) => searches.has(search))
    if (isEmpty(spec.dnsConfig) && !wasIn('spec.dnsConfig.searches')) delete spec.dnsConfig
  }
  const preStops = preStopsOf(record)
  for (const container of spec.containers ?? []) {
    strike(container, 'ports', ({ name }) => isOurs(name))
    if (!preStops.has(container.name) || !container.lifecycle) continue
    if (!isSleep(container.lifecycle.preStop, preStops.get(container.name))) continue
    delete container.lifecycle.preStop
    const preStop = `spec.containers.${container.name}.lifecycle.preStop`
    if (isEmpty(container.lifecycle) && !wasIn(preStop)) delete container.lifecycle
  }
}

/** Reports whether a hook is the one that an injection added. Another one is of the user, who edited it since. */
function isSleep(hook: unknown, seconds: number | undefined): boolean {
  const { sleep, ...others } = (hook ?? {}) as { sleep?: { seconds?: number } }
  if (sleep === undefined || Object.keys(others).length > 0) return false
  return seconds === undefined || sleep.seconds === seconds
}

const isEmpty = (object: object | null | undefined): boolean =>
  object !== undefined && object !== null && Object.keys(object).length === 0

/** Removes items from a list, and removes the list if it is then empty, because the injection created it. */
function strike<H extends object, K extends keyof H>(
  holder: H,
  field: K,
  isOurs: (item: Item<H[K]>) => boolean,
): void {
  const list = (holder[field] ?? undefined) as Item<H[K]>[] | undefined
  const left = list?.filter((item) => !isOurs(item))
  if (left === undefined || left.length === list?.length) return
  if (left.length > 0) holder[field] = left as H[K]
  else delete holder[field]
}

type Item<L> = NonNullable<L> extends readonly (infer T)[] ? T : never

function removeFrom(metadata: Metadata | undefined, field: 'labels' | 'annotations', name: string): void {
  const map = metadata?.[field]
  if (metadata === undefined || !map || !(name in map)) return
  delete map[name]
  if (Object.keys(map).length === 0) delete metadata[field]
}
