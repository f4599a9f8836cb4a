/** The injection, for all who have plain manifests and no constructs: it needs nothing of cdk8s. */
export {
  hasSidecar,
  injectSidecar,
  injectSidecars,
  type Injected,
  type InjectOptions,
} from './inject/apply.ts'
export { injectEnvironments, type InjectEnvironmentsOptions } from './inject/environments.ts'
export type { Manifest } from './inject/manifest.ts'
export type { Finding } from './inject/plan.ts'
export { sidecarFaults, type SidecarOptions } from './inject/sidecar.ts'
export { uninject } from './inject/uninject.ts'
