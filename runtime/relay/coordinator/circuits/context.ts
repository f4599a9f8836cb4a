import type { DialPolicy } from '../../dial-policy.ts'
import type { Store } from '../store/store.ts'
import type { Addressing } from './rows.ts'

/** What the operations on circuits need. */
export interface CircuitContext extends Addressing {
  readonly store: Store
  /** Which hosts targets may name (`--allow-targets`). */
  readonly dialPolicy: Pick<DialPolicy, 'refusalOfHost'>
}
