/** Connections that end in order, or are cut. */
interface Leaving {
  stop(): void
  cut(): void
}

/** Stops connections, and cuts those that are still open after a time, in milliseconds. `close` closes their listener. */
export async function sayGoodbye(
  all: readonly Leaving[],
  goodbyeMs: number,
  close: () => Promise<void>,
): Promise<void> {
  const cutAll = (): void => {
    for (const leaving of all) leaving.cut()
  }
  for (const leaving of all) leaving.stop()
  const timer = setTimeout(cutAll, goodbyeMs)
  await close()
  clearTimeout(timer)
  cutAll()
}
