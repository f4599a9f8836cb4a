/** Codes of synth errors. Branch on the code, never on the text. */
export type SynthErrorCode =
  | 'BL_SYNTH_ENVIRONMENT'
  | 'BL_SYNTH_WORKLOAD'
  | 'BL_SYNTH_PREVIEW'
  | 'BL_SYNTH_OVERRIDE'
  | 'BL_SYNTH_OBJECT'
  | 'BL_SYNTH_FILES'
  | 'BL_SYNTH_PLATFORM'

/** Invalid input of a construct. Each fault is one sentence that names construct, field, value and remedy. */
export class SynthError extends Error {
  readonly code: SynthErrorCode
  readonly faults: readonly string[]
  constructor(code: SynthErrorCode, faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'SynthError'
    this.code = code
    this.faults = faults
  }
}
