import { createHash, randomBytes } from 'node:crypto'
import type { DeployedCircuit, DeployedCredential, WorkerTable } from '@branchline/wire/circuits/table'
import { isToken } from './tokens.ts'

/** SHA-256 in lower-case hexadecimal. Secrets are looked up by it, so a comparison reveals nothing about them. */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** 256 random bits in base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/** Finds the credentials of the current table by their tokens. */
export class Credentials {
  readonly #table: () => Pick<WorkerTable, 'credentials'>
  #indexed: WorkerTable['credentials'] | undefined
  #byHash = new Map<string, DeployedCredential>()

  constructor(table: () => Pick<WorkerTable, 'credentials'>) {
    this.#table = table
  }

  /** The first valid credential of these tokens that opens a circuit. */
  opens(
    circuit: Pick<DeployedCircuit, 'id' | 'access'>,
    tokens: readonly string[],
    nowMs: number,
  ): DeployedCredential | undefined {
    for (const token of tokens) {
      const credential = isToken(token) ? this.#index().get(hashOf(token)) : undefined
      if (credential !== undefined && mayOpen(credential, circuit, nowMs)) return credential
    }
    return undefined
  }

  /** Tables are immutable, so a part that has not changed is the same object. */
  #index(): ReadonlyMap<string, DeployedCredential> {
    const { credentials } = this.#table()
    if (credentials !== this.#indexed) {
      this.#byHash = new Map([...credentials.values()].map((credential) => [credential.hash, credential]))
      this.#indexed = credentials
    }
    return this.#byHash
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
