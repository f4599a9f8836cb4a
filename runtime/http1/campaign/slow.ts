/** Set by `npm run test:slow`: campaigns run longer, and bodies have the promised sizes. */
export const SLOW = process.env['BRANCHLINE_SLOW'] === '1'
