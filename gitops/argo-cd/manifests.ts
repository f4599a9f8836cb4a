import { stringify } from 'yaml'
import { HEALTH } from './health.ts'

/** Where Argo CD reads the environments. */
export interface EnvironmentsInGit {
  /** The repository, as Argo CD reaches it. */
  readonly repoUrl: string
  /** The folder whose folders are environments, one each. Default: `environments`. */
  readonly path?: string
  /** A branch, tag or commit. Default: main. */
  readonly revision?: string
  /** The namespace of Argo CD. Default: `argocd`. */
  readonly namespace?: string
  /** How often new folders are looked for. Default: 30 s; a webhook says it at once. */
  readonly requeueAfterSeconds?: number
}

/** The name of the ApplicationSet that has all environments. */
export const APPLICATION_SET = 'branchline-environments'

/**
 * What Argo CD needs for environments in git: an ApplicationSet that makes an Application of every folder, and
 * the health of our kinds. Apply it server-side under a name of its own (`--field-manager branchline`): the
 * ConfigMap is Argo CD's, and gets two keys more; under the name that installed it, it would lose all others.
 */
export const argoCdManifests = (git: EnvironmentsInGit): object[] => [healthChecks(git), applicationSet(git)]

const healthChecks = ({ namespace = 'argocd' }: EnvironmentsInGit): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'argocd-cm', namespace },
  data: {
    'resource.customizations.health.branchline.dev_Environment': HEALTH,
    'resource.customizations.health.branchline.dev_Preview': HEALTH,
  },
})

function applicationSet(git: EnvironmentsInGit): object {
  const { repoUrl: repoURL, path = 'environments', revision = 'main', namespace = 'argocd' } = git
  const { requeueAfterSeconds = 30 } = git
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'ApplicationSet',
    metadata: { name: APPLICATION_SET, namespace },
    spec: {
      goTemplate: true,
      goTemplateOptions: ['missingkey=error'],
      generators: [{ git: { repoURL, revision, requeueAfterSeconds, directories: [{ path: `${path}/*` }] } }],
      template: {
        metadata: {
          name: 'environment-{{ .path.basenameNormalized }}',
          // A folder that is removed takes its namespace, and all that is in it, along.
          finalizers: ['resources-finalizer.argocd.argoproj.io'],
        },
        spec: {
          project: 'default',
          source: { repoURL, targetRevision: revision, path: '{{ .path.path }}' },
          destination: { server: 'https://kubernetes.default.svc', namespace: '{{ .path.basename }}' },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            syncOptions: ['ServerSideApply=true'],
            // A namespace of the same name may still be ending.
            retry: { limit: 10, backoff: { duration: '2s', factor: 2, maxDuration: '30s' } },
          },
        },
      },
    },
  }
}

if (import.meta.main) {
  const [repoUrl] = process.argv.slice(2)
  if (repoUrl === undefined) throw new Error('usage: node gitops/argo-cd/manifests.ts REPOSITORY')
  process.stdout.write(
    argoCdManifests({ repoUrl })
      .map((manifest) => stringify(manifest))
      .join('---\n'),
  )
}
