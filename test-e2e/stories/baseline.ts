import assert from 'node:assert/strict'
import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import { BASELINE_PATH } from '../harness/shop.ts'
import { pathOf } from '../harness/visit.ts'
import type { Proof } from './proof.ts'

const SHOP_NAMESPACES = new Set(['baseline', 'alice', 'bob'])
/** Three of the baseline and one of each branch. With a copy of the shop per branch there would be nine. */
const APP_PROCESSES = 5

export const baselineAlone: Proof = {
  title: "the baseline's URL shows web, api, worker and a real PostgreSQL of the baseline",
  async prove(shop) {
    const answer = await shop.visit('baseline')
    assert.equal(pathOf(answer), BASELINE_PATH)
    const [, , worker, db] = answer.hops
    assert.equal(worker?.version, '1')
    assert.match(db?.version ?? 'no database', /^PostgreSQL \d+/)
    assert.equal(db?.environment, 'baseline')
    assert.equal(answer.products.length, 3)
    return db?.version
  },
}

export const fiveProcesses: Proof = {
  title: 'three services and two branches need five app processes, not nine',
  async prove(shop) {
    const apps = (await shop.platform.processes()).filter(
      ({ namespace, pod, container }) =>
        SHOP_NAMESPACES.has(namespace) && container !== SIDECAR_CONTAINER && !pod.startsWith('db-'),
    )
    const names = apps.map(({ namespace, container }) => `${namespace}/${container}`).toSorted()
    assert.equal(apps.length, APP_PROCESSES, names.join(', '))
    return names.join(', ')
  },
}
