export { Environment, type EnvironmentProps } from './environment.ts'
export { SynthError, type SynthErrorCode } from './errors.ts'
export { IMAGES } from './images.ts'
export * from './inject.ts'
export type { PodSecurity } from './pod-security.ts'
export { Preview, type PreviewProps } from './preview.ts'
export { type EnvironmentValue, Workload, type WorkloadPort, type WorkloadProps } from './workload.ts'
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
