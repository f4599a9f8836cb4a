/**
 * The bases of the images that are built here, by what they hold: the one place that names them. Tags move, so a
 * release pins each by its digest: `docker buildx imagetools inspect IMAGE --format '{{.Manifest.Digest}}'` prints
 * it, and `IMAGE@sha256:…` takes the place of the tag here, or in the variables below.
 */
export const BASE_IMAGES = {
  /** Node.js and nothing else, for the product. */
  product: 'gcr.io/distroless/nodejs24-debian12:nonroot',
  /** Node.js with a shell and the C library that PostgreSQL's programs need, for the sample and the stories. */
  node: 'docker.io/library/node:24-slim',
  /** Python 3, or a Debian whose package Python is installed from, for the foreign application. */
  python: 'docker.io/library/python:3-slim',
} as const

/** What a base may be replaced by. */
export interface BaseImage {
  /** The image to build on. */
  readonly image: string
  /** The variable that names another one. */
  readonly variable: string
}

export type Bases = Readonly<Record<keyof typeof BASE_IMAGES, BaseImage>>

/**
 * The bases as variables say: BASE_IMAGE names one for all images, FOREIGN_BASE_IMAGE another one for those with
 * Python, where the first has neither Python nor Debian's packages. Default: {@link BASE_IMAGES}.
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
