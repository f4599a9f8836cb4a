import { hashOf } from '@branchline/wire/circuits/secret'
import type { DeployedCircuit, DeployedCredential, WorkerTable } from '@branchline/wire/circuits/table'
import { TableIndex } from '../table-index.ts'
import { isToken } from './tokens.ts'

/** Finds the credentials of the current table by their tokens. */
export class Credentials {
  readonly #byHash: TableIndex<DeployedCredential>

  constructor(table: () => Pick<WorkerTable, 'credentials'>) {
    this.#byHash = new TableIndex(
      () => table().credentials,
      ({ hash }) => hash,
    )
  }

  /** The first valid credential of these tokens that opens a circuit. */
  opens(
    circuit: Pick<DeployedCircuit, 'id' | 'access'>,
    tokens: readonly string[],
    nowMs: number,
  ): DeployedCredential | undefined {
    for (const token of tokens) {
      const credential = isToken(token) ? this.#byHash.find(hashOf(token)) : undefined
      if (credential !== undefined && mayOpen(credential, circuit, nowMs)) return credential
    }
    return undefined
  }
}

/** Whether a credential opens a circuit: one that names circuits opens only these, any other those of the organization. */
function mayOpen(
  { circuits, expiresAtMs }: DeployedCredential,
  { id, access }: Pick<DeployedCircuit, 'id' | 'access'>,
  nowMs: number,
): boolean {
  if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return false
  return circuits === undefined ? access.type === 'organization' : circuits.includes(id)
}
