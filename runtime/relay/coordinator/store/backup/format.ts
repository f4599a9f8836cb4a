/** Identifies a file as a backup, and the layout of its lines. */
export const FORMAT = { format: 'branchline-relay-backup', version: 1 } as const

/**
 * A backup is a file of JSON lines: the header, one line `["table", row]` for each row, and a footer, which shows that
 * the file is complete. Rows are as PostgreSQL's `to_jsonb` writes them.
 */
export interface BackupHeader {
  readonly format: typeof FORMAT.format
  readonly version: typeof FORMAT.version
  /** The name of the last migration. */
  readonly schema: string
  /** ISO 8601. */
  readonly at: string
  readonly epoch: number
  readonly term: number
}

/** The last line. */
export interface BackupFooter {
  readonly end: true
  readonly rows: number
}

/** One row, in the words of its table. */
export type BackupRow = readonly [table: string, values: Readonly<Record<string, unknown>>]
