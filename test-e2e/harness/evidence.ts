/** Collects evidence of a failure, and returns its location. */
type Collector = () => Promise<string>

let collector: Collector | undefined
let isKept = false

/** Sets how a target collects evidence. The embedded target prints it instead. */
export const collectWith = (collect: Collector): void => void (collector = collect)

/** Starts a new test. */
export const forgetEvidence = (): void => void (isKept = false)

/**
 * Collects evidence of a failure at the first call per test, because a failing story removes its branches, and with them
 * the pods that show the cause.
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
