import { stringify } from 'yaml'
import { HEALTH } from './health.ts'

/** The location from which Argo CD reads environments. */
export interface EnvironmentsInGit {
  /** The URL of the repository, as Argo CD reaches it. */
  readonly repoUrl: string
  /** The folder that contains one folder per environment. Default: `environments`. */
  readonly path?: string
  /** A branch, tag or commit. Default: main. */
  readonly revision?: string
  /** The namespace of Argo CD. Default: `argocd`. */
  readonly namespace?: string
  /** How often Argo CD looks for new folders, in seconds. Default: 30. A webhook makes it immediate. */
  readonly requeueAfterSeconds?: number
}

/** The name of the ApplicationSet of all environments. */
export const APPLICATION_SET = 'branchline-environments'

/**
 * Returns an ApplicationSet that creates an Application for every folder, and the health checks of our kinds. Apply them
 * server-side with their own field manager (`--field-manager branchline`). The ConfigMap belongs to Argo CD and gets two
 * more keys. With the field manager that installed it, it would lose all other keys.
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
          // The removal of a folder also removes its namespace with all its objects.
          finalizers: ['resources-finalizer.argocd.argoproj.io'],
        },
        spec: {
          project: 'default',
          source: { repoURL, targetRevision: revision, path: '{{ .path.path }}' },
          destination: { server: 'https://kubernetes.default.svc', namespace: '{{ .path.basename }}' },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            syncOptions: ['ServerSideApply=true'],
            // A namespace of the same name may still be terminating.
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
