import type { Manifest } from '@branchline/cdk8s/inject'
import { stringify } from 'yaml'

/** Formats manifests as one YAML text that begins with a comment. YAML 1.1 quotes texts such as `yes` and `0400`. */
export function manifestText(comment: string, manifests: readonly Manifest[]): string {
  const documents = manifests.map((manifest) => stringify(manifest, { version: '1.1', lineWidth: 0 }))
  return `# ${comment.replaceAll('\n', ' ')}\n${documents.join('---\n')}`
}
