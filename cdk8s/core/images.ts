/** The version of this release. */
export const RELEASE = '0.1.0'

/** The repository of each image. */
export const REPOSITORIES = {
  sidecar: 'branchline/sidecar',
  manager: 'branchline/manager',
  relay: 'branchline/relay',
} as const

/** The images of this release. Properties can replace each one, such as with a mirror, a digest or your own build. */
export const IMAGES = {
  sidecar: `${REPOSITORIES.sidecar}:${RELEASE}`,
  manager: `${REPOSITORIES.manager}:${RELEASE}`,
  relay: `${REPOSITORIES.relay}:${RELEASE}`,
} as const
