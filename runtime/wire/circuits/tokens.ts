/** The prefixes of our tokens, so that a reader and a secret scanner recognise them. */
export const TOKEN_PREFIX = {
  /** An API key. */
  key: 'blk_',
  /** An access token of circuits, which browsers and machines present to workers. */
  access: 'blc_',
  /** A join token of workers. */
  join: 'blj_',
  /** The credential that a worker got when it joined. */
  worker: 'blw_',
} as const
