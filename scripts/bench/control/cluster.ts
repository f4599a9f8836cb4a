import { API_VERSION, LABELS } from '@branchline/wire/names'
import type { KubernetesObject } from '@branchline/wire/kubernetes'

/** The size of the simulated cluster. */
export interface Size {
  readonly branches: number
  readonly services: number
  /** The number of overrides of each branch. Every branch overrides the first Service. */
  readonly overrides: number
}

/** The Service that every branch overrides: the worst case of a change that touches one. */
export const HOT = 's0'
export const BASE = 'base'
const LISTENER = 25001
const CREATED = '2026-11-21T10:00:00Z'

export const branchName = (index: number): string => `b${index}`
const podOf = (service: string): string => `${service}-0`
/** Returns `namespace/name` of a Service's pod, which is also its token. */
export const podId = (namespace: string, service: string): string => `${namespace}/${podOf(service)}`

/** Returns the Services that a branch overrides, the hot one first. */
export function overridesOf(index: number, { services, overrides }: Size): string[] {
  const others = Array.from(
    { length: overrides - 1 },
    (_, at) => 1 + ((index * 7 + at * 61) % (services - 1)),
  )
  return [HOT, ...new Set(others.map((number) => `s${number}`))]
}

/** Returns unique addresses of pods, from 10.0.0.1. */
export class Addresses {
  #next = 1

  next(): string {
    const number = this.#next++
    return `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
  }
}

export function environmentObjects(name: string, base?: string): KubernetesObject[] {
  const metadata = { name, namespace: name, generation: 1, uid: `uid-${name}`, creationTimestamp: CREATED }
  const spec = base === undefined ? { type: 'shared' } : { type: 'branch', base }
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: API_VERSION, kind: 'Environment', metadata, spec },
  ]
}

/** A Service with one ready pod. */
export function runningObjects(
  namespace: string,
  name: string,
  ip: string,
  above?: string,
): KubernetesObject[] {
  const spec = { clusterIP: '10.255.0.1', ports: [{ name: 'http', port: 80, targetPort: 'branchline-1' }] }
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec },
    podObject(namespace, name, ip, above),
    sliceObject(namespace, name, ip),
  ]
}

export function podObject(namespace: string, service: string, ip: string, above?: string): KubernetesObject {
  const labels = { [LABELS.sidecar]: 'true', [LABELS.environment]: namespace }
  const dnsConfig = above === undefined ? {} : { dnsConfig: { searches: [`${above}.svc.cluster.local`] } }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podOf(service), namespace, labels, creationTimestamp: CREATED },
    spec: dnsConfig,
    status: { phase: 'Running', podIP: ip },
  }
}

export function sliceObject(namespace: string, service: string, ip: string): KubernetesObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: LISTENER, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: [ip],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', name: podOf(service), namespace },
      },
    ],
  }
}

/** Formats an endpoint as in route tables. */
export const endpointOf = (ip: string): string => `${ip}:${LISTENER}`
