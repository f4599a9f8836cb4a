/** The injection for plain manifests. It does not import the cdk8s library. */
export {
  hasSidecar,
  injectSidecar,
  injectSidecars,
  type Injected,
  type InjectOptions,
} from './inject/apply.ts'
export { injectEnvironments, type InjectEnvironmentsOptions } from './inject/environments.ts'
export type { Manifest } from './inject/manifest.ts'
export { effectOf, type Finding, type FindingEffect } from './inject/finding.ts'
export { sidecarFaults, type SidecarOptions } from './inject/sidecar.ts'
export { isInjected, uninject } from './inject/uninject.ts'
