import { refusal } from '@branchline/wire/circuits/problem'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import type { JoinedWorker, WorkerFacts } from '@branchline/wire/circuits/worker'
import { hashOf } from '@branchline/wire/circuits/secret'
import { newToken } from '../access/tokens.ts'
import type { Change, Store, Tx } from '../store/store.ts'
import { followPorts, setGroupPorts } from './group-ports.ts'

/**
 * Joins a worker with a join token, whose group it gets. A worker that has the name of a lost one takes its place.
 * Rejects with a refusal of the API.
 */
export async function joinWorker(store: Store, token: string, facts: WorkerFacts): Promise<JoinedWorker> {
  const credential = newToken(TOKEN_PREFIX.worker)
  const { value } = await store.change({ actor: `worker:${facts.name}` }, async (change) => {
    const group = await redeemToken(change.tx, token)
    return placeWorker(change, { ...facts, group }, credential, (state) => {
      if (state === 'lost') return
      throw refusal('already-exists', {
        detail: `A worker named ${facts.name} is connected: choose another name.`,
      })
    })
  })
  return { id: value, credential }
}

/** Joins the worker of this very process. It takes the place of the worker that has its name, and needs no token. */
export async function joinLocal(store: Store, facts: WorkerFacts): Promise<JoinedWorker> {
  const credential = newToken(TOKEN_PREFIX.worker)
  const { value } = await store.change({ actor: `worker:${facts.name}` }, async (change) => {
    const { tx } = change
    await tx
      .insertInto('worker_groups')
      .values({ name: facts.group })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await setGroupPorts(tx, facts.group, facts.ports)
    return placeWorker(change, facts, credential, () => undefined)
  })
  return { id: value, credential }
}

async function redeemToken(tx: Tx, token: string): Promise<string> {
  const row = await tx
    .updateTable('join_tokens')
    .set((set) => ({ uses: set('uses', '+', 1) }))
    .where('hash', '=', hashOf(token))
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', new Date())]))
    .where((where) => where.or([where('max_uses', 'is', null), where('uses', '<', where.ref('max_uses'))]))
    .returning('worker_group')
    .executeTakeFirst()
  if (row !== undefined) return row.worker_group
  throw refusal('unauthorized', { detail: 'The join token is not valid (any more): create another one.' })
}

async function placeWorker(
  { tx, audit }: Change,
  facts: WorkerFacts,
  credential: string,
  mayReplace: (state: string) => void,
): Promise<string> {
  const known = await tx
    .selectFrom('workers')
    .select(['id', 'state', 'facts'])
    .where('name', '=', facts.name)
    .where('state', '<>', 'left')
    .executeTakeFirst()
  if (known !== undefined) mayReplace(known.state)
  await followPorts(tx, facts.group, known?.facts['ports'] as WorkerFacts['ports'], facts.ports)
  const values = { ...factsRow(facts), credential_hash: hashOf(credential) }
  const { id } =
    known === undefined
      ? await tx
          .insertInto('workers')
          .values({ ...values, state: 'lost', state_reason: NOT_YET })
          .returning('id')
          .executeTakeFirstOrThrow()
      : known
  if (known !== undefined) await tx.updateTable('workers').set(values).where('id', '=', id).execute()
  audit({ action: 'worker.join', kind: 'worker', id: facts.name, after: facts })
  return id
}

const NOT_YET = 'It has joined, and has not connected yet.'

/** The columns of what a worker says about itself. */
export function factsRow(facts: WorkerFacts, peerHash?: string) {
  const { name, group, version, labels, backends, ports, addresses, maxCircuits } = facts
  return {
    name,
    worker_group: group,
    version,
    labels: JSON.stringify(labels),
    addresses: JSON.stringify(addresses),
    capacity: maxCircuits,
    facts: JSON.stringify({ backends, ports, peerHash }),
  }
}
