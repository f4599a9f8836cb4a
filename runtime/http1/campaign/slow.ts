/** Set by `npm run test:slow`: campaigns go on for long, and sizes are those of the promises. */
export const SLOW = process.env['BRANCHLINE_SLOW'] === '1'
