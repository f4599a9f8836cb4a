// Exits with a message if Node is too old. `npm ci` runs it with the Node of `npm run`: the one that npm installed, if
// there is one for this machine, otherwise the caller's. Every bundle begins with this code.
/* oxlint-disable typescript/no-unsafe-call, typescript/no-unsafe-member-access,
   typescript/no-unsafe-argument -- no types reach a plain script */
import { isNewEnough, OLDEST_NODE } from '../cli/bin/node-version.js'

if (!isNewEnough(process.versions.node)) {
  process.stderr.write(
    `Branchline needs Node ${OLDEST_NODE} or later, and this is ${process.version}: install a newer Node\n`,
  )
  process.exit(64)
}
