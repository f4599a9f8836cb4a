/**
 * Returns the known word that a mistyped one probably means: equal except for case, or for one character that is
 * missing, added, wrong or swapped with its neighbour. Undefined if there is none.
 */
export const nearest = (word: string, known: readonly string[]): string | undefined =>
  known.find((other) => isNear(other, word))

/** Reports whether two names differ by one edit or only in case. */
function isNear(one: string, two: string): boolean {
  const [a, b] = [one.toLowerCase(), two.toLowerCase()]
  if (a === b) return true
  if (Math.abs(a.length - b.length) > 1) return false
  let at = 0
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++
  const swapped = a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2)
  return (
    swapped ||
    [
      [at + 1, at + 1],
      [at + 1, at],
      [at, at + 1],
    ].some(([i, j]) => a.slice(i) === b.slice(j))
  )
}
