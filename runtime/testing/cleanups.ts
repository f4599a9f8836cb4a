type Cleanup = () => unknown

const cleanups: Cleanup[] = []

/** Has something stopped by {@link cleanUp}. */
export function later(cleanup: Cleanup): void {
  cleanups.push(cleanup)
}

/** Runs what {@link later} was given, the last one first. For `afterEach`, or `afterAll`. */
export const cleanUp = (): Promise<void> => run(cleanups.splice(0))

/** Takes what {@link later} was given so far out of {@link cleanUp}; the returned function runs it, for `afterAll`. */
export function setAside(): () => Promise<void> {
  const aside = cleanups.splice(0)
  return () => run(aside)
}

async function run(those: Cleanup[]): Promise<void> {
  for (const cleanup of those.toReversed()) await cleanup()
}
