/**
 * The bases of the images that are built here, by content. Only this file names them. Tags move, so a release pins each
 * base by its digest. `docker buildx imagetools inspect IMAGE --format '{{.Manifest.Digest}}'` prints the digest, and
 * `IMAGE@sha256:…` replaces the tag here or in the variables below.
 */
export const BASE_IMAGES = {
  /** Only Node.js, for the product. */
  product: 'gcr.io/distroless/nodejs24-debian12:nonroot',
  /** Node.js with a shell and the C library that PostgreSQL needs, for the sample and the stories. */
  node: 'docker.io/library/node:24-slim',
  /** Python 3, or a Debian from whose packages Python is installed, for the third-party application. */
  python: 'docker.io/library/python:3-slim',
} as const

/** A base image, and the variable that replaces it. */
export interface BaseImage {
  /** The image to build on. */
  readonly image: string
  /** The variable that names another image. */
  readonly variable: string
}

export type Bases = Readonly<Record<keyof typeof BASE_IMAGES, BaseImage>>

/**
 * Reads the bases from variables. BASE_IMAGE sets the base of all images. FOREIGN_BASE_IMAGE sets the base of the images
 * with Python, if the first has neither Python nor Debian's packages. Default: {@link BASE_IMAGES}.
 */
export function readBases(environment: Readonly<Record<string, string | undefined>>): Bases {
  const all = environment['BASE_IMAGE'] || undefined
  const python = environment['FOREIGN_BASE_IMAGE'] || all
  return {
    product: { image: all ?? BASE_IMAGES.product, variable: 'BASE_IMAGE' },
    node: { image: all ?? BASE_IMAGES.node, variable: 'BASE_IMAGE' },
    python: { image: python ?? BASE_IMAGES.python, variable: 'FOREIGN_BASE_IMAGE' },
  }
}
