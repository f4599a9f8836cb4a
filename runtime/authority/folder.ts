import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Labels of letters, digits and hyphens, so the result of {@link authorityFolder} cannot leave its parent. */
const DOMAIN = /^(?=.{1,189}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Returns whether a text is a domain in lower case that an authority can be for. */
export const isAuthorityDomain = (text: string): boolean => DOMAIN.test(text)

/**
 * Returns the folder of the authority for a domain: `branchline/authority/<domain>` in the user's data folder.
 * `dataHome` is the value of XDG_DATA_HOME; without it, or if it is relative, the data folder is ~/.local/share (XDG Base
 * Directory Specification).
 */
export function authorityFolder(domain: string, dataHome: string | undefined): string {
  if (!isAuthorityDomain(domain)) throw new RangeError(`${JSON.stringify(domain)} is not a domain`)
  const isSet = dataHome !== undefined && isAbsolute(dataHome)
  const data = isSet ? dataHome : join(homedir(), '.local', 'share')
  return join(data, 'branchline', 'authority', domain)
}
