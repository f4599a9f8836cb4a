const RELEASE = '0.1.0'

/** The images of this release. Each can be given otherwise: a mirror, a digest, one's own build. */
export const IMAGES = {
  sidecar: `branchline/sidecar:${RELEASE}`,
  manager: `branchline/manager:${RELEASE}`,
  relay: `branchline/relay:${RELEASE}`,
} as const
