import { Histogram } from '../../../process/exposition.ts'

/** Bucket bounds, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** How long changes take on their way to the workers. */
export class DeploymentTimings {
  /** From when an epoch is known until everything up to it has been read and sent to the workers. */
  readonly publication = new Histogram(BOUNDS)
  /** From when a worker is sent a change until it acknowledges it. */
  readonly acknowledgement = new Histogram(BOUNDS)
}
