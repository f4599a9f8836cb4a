import { isIP } from 'node:net'

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const SERVICE = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const DATA_KEY = /^[-._a-zA-Z0-9]+$/
/** Pods of a StatefulSet have a label with its name, a hyphen and a hash of ten characters. */
const STATEFUL_SET_LENGTH = 52

/** A rule for names. Returns undefined for a valid name, otherwise what is wanted instead. */
type Rule = (name: string) => string | undefined

const rule =
  (pattern: RegExp, length: number, wanted: string): Rule =>
  (name) =>
    name.length <= length && pattern.test(name) ? undefined : `${wanted}, at most ${length} characters`

const LABEL_WORDS = 'lower-case letters, digits and "-", a letter or digit first and last'
const SUBDOMAIN_WORDS = 'lower-case letters, digits, "-" and ".", a letter or digit at both ends of each part'

/** RFC 1123, 2.1. Namespaces, containers, volumes. */
export const dnsLabel: Rule = rule(LABEL, 63, LABEL_WORDS)
/** RFC 1123, 2.1, with dots. Most objects. */
export const dnsSubdomain: Rule = rule(SUBDOMAIN, 253, SUBDOMAIN_WORDS)
/** RFC 1035, 2.3.1. */
const serviceName: Rule = rule(SERVICE, 63, 'lower-case letters, digits and "-", a letter first, no "-" last')
const statefulSetName: Rule = rule(LABEL, STATEFUL_SET_LENGTH, LABEL_WORDS)

/** A segment of a URL's path. Names of roles may be like `system:node`. */
const pathSegment: Rule = (name) =>
  name !== '.' && name !== '..' && !/[/%]/.test(name) && name.length <= 253
    ? undefined
    : 'no "/" and no "%", at most 253 characters'

const BY_KIND: Readonly<Record<string, Rule>> = {
  Namespace: dnsLabel,
  Service: serviceName,
  StatefulSet: statefulSetName,
  Role: pathSegment,
  RoleBinding: pathSegment,
  ClusterRole: pathSegment,
  ClusterRoleBinding: pathSegment,
}

/** A key of a ConfigMap or a Secret, which becomes the name of a file (Kubernetes: IsConfigMapKey). */
export const dataKey: Rule = (name) =>
  name.length <= 253 && DATA_KEY.test(name) && name !== '.' && !name.startsWith('..')
    ? undefined
    : 'letters, digits, "-", "_" and ".", at most 253 characters, not "." and no ".." first'

/** A path that stays below the folder it is relative to (Kubernetes: validateLocalDescendingPath). */
export const descendingPath: Rule = (path) =>
  !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0')
    ? undefined
    : 'a path without "/" first and without ".."'

/** The path of a file in a volume (Kubernetes: validateLocalNonReservedPath). */
export const filePath: Rule = (path) =>
  path === '' || path.startsWith('..')
    ? 'a path that is not empty and has no ".." first'
    : descendingPath(path)

/** The path at which a container mounts a volume. */
export const mountPath: Rule = (path) =>
  path !== '' && !/[:\0]/.test(path) && !path.split('/').includes('..')
    ? undefined
    : 'a path without ":" and without ".."'

export const ipAddress: Rule = (text) => (isIP(text) > 0 ? undefined : 'an IP address')

/** What is wrong with a field, as the rest of a sentence that begins with the field's path. */
function nameFault(value: string, check: Rule): string | undefined {
  const wanted = check(value)
  return wanted === undefined ? undefined : `is ${JSON.stringify(value)}: wanted ${wanted}`
}

/** A field with an invalid value. */
export interface NameFault {
  readonly field: string
  readonly message: string
}

/** Checks an object's name and namespace. `namespace` may be absent. */
export function objectNameFaults(kind: string, name: string, namespace: string | undefined): NameFault[] {
  const faults = [checked('metadata.name', name, BY_KIND[kind] ?? dnsSubdomain)]
  if (namespace !== undefined) faults.push(checked('metadata.namespace', namespace, dnsLabel))
  return faults.filter((fault) => fault !== undefined)
}

/** Checks a field's value by a rule. Undefined if it is valid. */
export function checked(field: string, value: string, check: Rule): NameFault | undefined {
  const message = nameFault(value, check)
  return message === undefined ? undefined : { field, message: `${field} ${message}` }
}
