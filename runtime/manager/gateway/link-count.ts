/** When a replica has more than one link to the relay. */
export interface LinkCountLimits {
  /** Links of one process at one time, those that end included. 1: never a further one. Default: 4. */
  readonly links: number
  /** The part of the streams that the links may carry, from which on a further link opens. Default: 3/4. */
  readonly fullShare: number
  /**
   * The part of the streams that the links may carry without the newest one: while they carry no more, that one is
   * surplus. Less than {@link fullShare}, so that links do not come and go. Default: 1/2.
   */
  readonly surplusShare: number
  /** How long a link is surplus before it ends. Default: 1 min. */
  readonly surplusMs: number
  /** Between two looks at whether a further link is surplus. Default: 1 s. */
  readonly linkCheckMs: number
  /** After a further link that could not be made, or was lost, until the next one. Default: 10 s. */
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

/** Whether links that carry so many streams, of `capacity` each, are too few. */
export const areTooFew = (
  streams: number,
  links: number,
  capacity: number,
  limits: LinkCountLimits,
): boolean => streams >= limits.fullShare * capacity * links

/** Whether they are one too many. */
export const areTooMany = (
  streams: number,
  links: number,
  capacity: number,
  limits: LinkCountLimits,
): boolean => links > 1 && streams <= limits.surplusShare * capacity * (links - 1)
