import { isTokenChar } from '../../proxy/grammar.ts'

/**
 * Reads the pseudonym of a Via field (RFC 9110, 7.6.3) from a setting; undefined for empty text. Throws a RangeError if
 * it is not a token.
 */
export function parsePseudonym(text: string): string | undefined {
  if (text === '') return undefined
  for (let i = 0; i < text.length; i++) {
    if (isTokenChar(text.charCodeAt(i)) && text.length <= MAX_PSEUDONYM) continue
    throw new RangeError(
      `${JSON.stringify(text)}: wanted a token of at most ${MAX_PSEUDONYM} characters, such as branchline`,
    )
  }
  return text
}

const MAX_PSEUDONYM = 64
