import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { EnvironmentView, PreviewView } from './platform.ts'

interface Status {
  readonly url?: string
  readonly overrides?: readonly string[]
  readonly conditions?: readonly { type: string; status: string; message: string }[]
}

/** Returns the environments with their previews: bases before their branches, otherwise by name. */
export function environmentViews(
  environments: readonly KubernetesObject[],
  previews: readonly KubernetesObject[],
  readyAfterMs: ReadonlyMap<string, number>,
): EnvironmentView[] {
  const views = environments.map((object): EnvironmentView => {
    const { name, namespace = '' } = object.metadata
    const { type = '', base, paused } = object['spec'] as { type?: string; base?: string; paused?: boolean }
    const { overrides = [] } = statusOf(object)
    const own = previews.filter(({ metadata }) => metadata.namespace === namespace)
    const after = readyAfterMs.get(name)
    const unreached = unreachedOf(object)
    return {
      name,
      namespace,
      type,
      overrides,
      ...readiness(object),
      previews: own.map((preview) => previewView(preview, name)),
      ...(base !== undefined && { base }),
      ...(paused === true && { isPaused: true }),
      ...(after !== undefined && { readyAfterMs: after }),
      ...(unreached !== undefined && { unreached }),
    }
  })
  return inOrder(views)
}

/** Returns a Preview by its status. It is ready only if it also has a URL. */
function previewView(preview: KubernetesObject, environment: string): PreviewView {
  const { url } = statusOf(preview)
  const { ready, message } = readiness(preview)
  const view = { environment, name: preview.metadata.name, ...(message !== undefined && { message }) }
  if (url !== undefined) return { ...view, ready, url }
  return ready
    ? { ...view, ready: false, message: 'the relay has not given it a URL yet' }
    : { ...view, ready }
}

function readiness(object: KubernetesObject): { ready: boolean; message?: string } {
  const ready = statusOf(object).conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return { ready: false, message: 'the manager has not seen it yet' }
  return { ready: ready.status === 'True', message: ready.message }
}

/** Why requests do not reach an override, although the environment is ready. */
function unreachedOf(object: KubernetesObject): string | undefined {
  const condition = statusOf(object).conditions?.find(({ type }) => type === 'OverrideUnreached')
  return condition?.status === 'True' ? condition.message : undefined
}

const statusOf = (object: KubernetesObject): Status => object['status'] ?? {}

function inOrder(views: readonly EnvironmentView[]): EnvironmentView[] {
  const byName = views.toSorted((a, b) => a.name.localeCompare(b.name))
  const placed: EnvironmentView[] = []
  const place = (view: EnvironmentView): void => {
    if (placed.includes(view)) return
    placed.push(view)
    for (const other of byName) if (other.base === view.name) place(other)
  }
  for (const view of byName) if (!byName.some(({ name }) => name === view.base)) place(view)
  // Those of a cycle have no beginning.
  for (const view of byName) place(view)
  return placed
}
