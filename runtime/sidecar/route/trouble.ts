import type { Routes } from '../table/table.ts'

/**
 * Why the service behind a listener has no ready endpoint in an environment, as the manager knows it: words that follow
 * the service's name, without an address. Undefined if the table does not say.
 */
export function troubleIn(
  routes: Routes | undefined,
  { inbound }: { readonly inbound: { readonly port: number } },
  environment: string,
): string | undefined {
  const listener = routes?.listener(inbound.port)
  if (listener === undefined) return undefined
  if (environment === routes?.environment) return listener.trouble
  if (environment === listener.base?.environment) return listener.base.trouble
  for (const destination of listener.routes.values()) {
    if (destination.environment === environment) return destination.trouble
  }
  return undefined
}
