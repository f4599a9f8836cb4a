/** The limits that decide how many links to the relay a replica has. */
export interface LinkCountLimits {
  /** The maximum links of one process, including ending ones. 1: never a further one. Default: 4. */
  readonly links: number
  /** A further link opens when the links carry this share of the streams that they may carry. Default: 3/4. */
  readonly fullShare: number
  /**
   * The newest link is surplus while all streams fit into this share of what the other links may carry. Less than
   * {@link fullShare}, so that links do not open and close all the time. Default: 1/2.
   */
  readonly surplusShare: number
  /** How long a link is surplus before it ends. Default: 1 min. */
  readonly surplusMs: number
  /** The time between two checks whether a further link is surplus. Default: 1 s. */
  readonly linkCheckMs: number
  /** The wait after a further link failed or was lost, before the next one is opened. Default: 10 s. */
  readonly linkRetryMs: number
}

/** The defaults of {@link LinkCountLimits}. */
export const DEFAULT_LINK_COUNT_LIMITS: LinkCountLimits = {
  links: 4,
  fullShare: 3 / 4,
  surplusShare: 1 / 2,
  surplusMs: 60_000,
  linkCheckMs: 1_000,
  linkRetryMs: 10_000,
}

/** Whether there are too few links for this many streams. Each link carries up to `capacity` streams. */
export const areTooFew = (
  streams: number,
  links: number,
  capacity: number,
  limits: LinkCountLimits,
): boolean => streams >= limits.fullShare * capacity * links

/** Whether there is one link too many. */
export const areTooMany = (
  streams: number,
  links: number,
  capacity: number,
  limits: LinkCountLimits,
): boolean => links > 1 && streams <= limits.surplusShare * capacity * (links - 1)
