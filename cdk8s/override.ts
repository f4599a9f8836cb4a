/** The override of a workload for plain manifests. It does not import the cdk8s library. */
export type { ContainerChanges, OverrideChanges } from './override/changes.ts'
export { planOverride, type OverridePlan, type OverrideRequest } from './override/plan.ts'
export { type PodReference, podReferences } from './override/references.ts'
