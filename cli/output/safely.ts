import { printable } from '@branchline/runtime/local/printable'

/**
 * The same value with texts that are safe on a terminal, each on one line. For objects whose text is then coloured, and
 * which can therefore not be made safe afterwards.
 */
export const safely = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value), (_, text: unknown) =>
    typeof text === 'string' ? printable(text).replaceAll('\n', ' ') : text,
  ) as T
