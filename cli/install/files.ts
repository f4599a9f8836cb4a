/** Texts of files by their paths below a folder, with slashes. */
export type Files = Readonly<Record<string, string>>
