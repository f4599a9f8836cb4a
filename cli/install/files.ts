import { CliError } from '../platform/errors.ts'

/** Files by their paths below a folder, with slashes. */
export type Files = Readonly<Record<string, string>>

/** The files of an installation and the kinds in each; a process has a file of its own. */
const OF_KIND: Readonly<Record<string, string>> = {
  Namespace: 'namespace',
  Secret: 'relay-token',
  ClusterRole: 'rbac',
  ClusterRoleBinding: 'rbac',
  Role: 'rbac',
  RoleBinding: 'rbac',
  NetworkPolicy: 'network-policies',
  PodMonitor: 'monitors',
}
const OF_PROCESS = /\/branchline-(manager|relay)(?:-visitors)?$/

/** The name of the file where an object is, by its identity, without an ending. */
export function fileOf(identity: string): string {
  const file = OF_KIND[identity.split('/', 1)[0] as string] ?? OF_PROCESS.exec(identity)?.[1]
  if (file === undefined) throw new CliError('BL_CHART', `no file is for ${identity}`)
  return file
}

/** Texts by the file where their objects are, in the order of both. */
export function inFiles(texts: Iterable<readonly [identity: string, text: string]>): Map<string, string[]> {
  const files = new Map<string, string[]>()
  for (const [identity, text] of texts) {
    const file = fileOf(identity)
    files.set(file, [...(files.get(file) ?? []), text])
  }
  return files
}
