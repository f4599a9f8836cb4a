export { environmentName } from '@branchline/wire/environment-name'
export { Environment, type EnvironmentProps } from './core/environment.ts'
export { SynthError, type SynthErrorCode } from './core/errors.ts'
export { IMAGES } from './core/images.ts'
export * from './inject.ts'
export type { ContainerChanges, OverrideChanges } from './override.ts'
export { Override, type OverrideProps } from './core/override.ts'
export type { PodSecurity } from './core/pod-security.ts'
export { Preview, type PreviewProps } from './core/preview.ts'
export { Workload } from './core/workload.ts'
export type { EnvironmentValue } from './core/variable.ts'
export type { WorkloadPort, WorkloadProps } from './core/workload-props.ts'
export { platformManifests } from './platform/manifests.ts'
export type {
  ImageProps,
  ManagerProps,
  PlatformProps,
  PodProps,
  RelayProps,
  SecretKey,
} from './platform/props.ts'
export { Platform } from './platform/platform.ts'
