/** Keeps what explains a failure, and returns where. */
type Collector = () => Promise<string>

let collector: Collector | undefined
let isKept = false

/** What a target collects; the embedded one prints what it knows instead. */
export const collectWith = (collect: Collector): void => void (collector = collect)

/** A new test begins. */
export const forgetEvidence = (): void => void (isKept = false)

/**
 * Keeps what explains a failure, once for each test, at the moment of the first call: a story that fails removes
 * its branches, and with them the pods that show why.
 */
export async function keepEvidence(): Promise<void> {
  if (collector === undefined || isKept) return
  isKept = true
  try {
    process.stdout.write(`  what explains the failure: ${await collector()}\n`)
  } catch (error) {
    process.stdout.write(`  nothing explains the failure: ${String(error)}\n`)
  }
}
