import { problemReply } from '../../../proxy/problem.ts'
import type { Access, Verdict } from '../access/access.ts'
import { AllowLists } from '../access/allow-list.ts'
import { forbiddenAddress, notPublic } from './problems.ts'

/** Decides who may use a circuit. */
export type CircuitAccess = Pick<Access, 'admits' | 'check'>

const PASS: Verdict = { edits: {} }

/** Lets requests pass to public circuits from the addresses of their allow-lists, and to no others. */
export class PublicOnly implements CircuitAccess {
  readonly #lists = new AllowLists()

  admits: CircuitAccess['admits'] = ({ access }, address) => this.#lists.admits(access, address)

  check: CircuitAccess['check'] = (circuit, head, { address }) => {
    const { type } = circuit.access
    const isAdmitted = this.admits(circuit, address)
    if (isAdmitted && type === 'public') return PASS
    const problem = isAdmitted ? notPublic(type) : forbiddenAddress(address)
    return { decision: problemReply(problem, head.get('accept')) }
  }
}
