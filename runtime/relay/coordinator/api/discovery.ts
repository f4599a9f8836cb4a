import type { z } from 'zod'
import type { discovery } from '@branchline/wire/circuits/health'
import type { ApiServices } from './services.ts'

/** Lists where Prometheus finds metrics: of coordinators, and of all workers that say where theirs are. */
export async function discoverTargets({ context, metrics }: ApiServices): Promise<z.infer<typeof discovery>> {
  const workers = await context.store.read((db) =>
    db
      .selectFrom('workers')
      .select(['name', 'worker_group', 'addresses'])
      .where('state', 'not in', ['left', 'lost'])
      .orderBy('name')
      .execute(),
  )
  const coordinators = (metrics?.() ?? []).flatMap((url) => groupOf(url, { job: 'branchline-coordinator' }))
  const others = workers.flatMap(({ name, worker_group: group, addresses }) => {
    const { metrics: url } = addresses as { readonly metrics?: string }
    return url === undefined ? [] : groupOf(url, { job: 'branchline-worker', worker: name, group })
  })
  return [...coordinators, ...others]
}

function groupOf(
  text: string,
  labels: Readonly<Record<string, string>>,
): { targets: string[]; labels: Record<string, string> }[] {
  const url = URL.parse(text)
  if (url === null) return []
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const path = url.pathname === '/' ? '/metrics' : url.pathname
  return [
    {
      targets: [`${url.hostname}:${port}`],
      labels: { ...labels, __scheme__: url.protocol.slice(0, -1), __metrics_path__: path },
    },
  ]
}
