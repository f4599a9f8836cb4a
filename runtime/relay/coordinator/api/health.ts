import type { Dependency, Health } from '@branchline/wire/circuits/health'
import type { Store } from '../store/store.ts'
import type { ApiServices } from './services.ts'

/** Whether the database answers within `ms`. */
export async function isReady(store: Store, ms: number): Promise<boolean> {
  if (store.state !== 'up') return false
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const asked = store
    .read((db) => db.selectFrom('relay').select('epoch').execute())
    .then(
      () => true,
      () => false,
    )
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What all dependencies report. */
export async function healthOf({ context, limits, dependencies }: ApiServices): Promise<Health> {
  const ready = await isReady(context.store, limits.healthMs)
  const database: Dependency = ready
    ? { name: 'database', status: 'ok' }
    : {
        name: 'database',
        status: 'down',
        detail: 'PostgreSQL does not respond. Changes wait, traffic goes on.',
      }
  const all = [database, ...(dependencies?.() ?? [])]
  const worst = (['down', 'degraded', 'ok'] as const).find((status) =>
    all.some((one) => one.status === status),
  )
  return { status: worst ?? 'ok', dependencies: all }
}
