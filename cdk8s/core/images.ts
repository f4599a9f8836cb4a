/** The version of this release. */
export const RELEASE = '0.1.0'

/** Where the images of each release are. */
export const REPOSITORIES = {
  sidecar: 'branchline/sidecar',
  manager: 'branchline/manager',
  relay: 'branchline/relay',
} as const

/** The images of this release. Each can be given otherwise: a mirror, a digest, one's own build. */
export const IMAGES = {
  sidecar: `${REPOSITORIES.sidecar}:${RELEASE}`,
  manager: `${REPOSITORIES.manager}:${RELEASE}`,
  relay: `${REPOSITORIES.relay}:${RELEASE}`,
} as const
