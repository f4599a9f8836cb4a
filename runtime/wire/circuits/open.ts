import type { AccessRule } from './access.ts'
import type { Backend, Frontend } from './circuit.ts'

/**
 * Whether clients without a token can connect at all. A raw TCP connection carries no token, so port and TCP circuits
 * are closed unless their access is public or has a list of addresses. HTTP on a subdomain asks for the token instead.
 */
export function isOpen(circuit: {
  readonly frontend: Frontend['type']
  readonly backend: Backend
  readonly access: AccessRule
}): boolean {
  const { frontend, backend, access } = circuit
  if (frontend === 'subdomain' && backend !== 'tcp') return true
  return access.type === 'public' || access.allow !== undefined
}
