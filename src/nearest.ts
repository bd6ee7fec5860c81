import { distance } from "fastest-levenshtein";

/** The known word that a mistyped one was probably meant to be, or undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  return known
    .map((candidate) => ({ candidate, far: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => far <= Math.max(2, candidate.length / 3))
    .sort((a, b) => a.far - b.far)[0]?.candidate;
}

/**
 * The known names that a mistyped one may mean, the likeliest first: those that it is a part of, then those that are near.
 *
 * @param most how many; default 4
 */
export function nearMatches(word: string, known: readonly string[], most = 4): string[] {
  const wanted = word.toLowerCase();
  return known
    .map((candidate) => ({ candidate, far: distance(wanted, candidate), within: candidate.includes(wanted) }))
    .filter(({ candidate, far, within }) => far <= Math.max(2, candidate.length / 3) || within)
    .sort((a, b) => Number(b.within) - Number(a.within) || a.far - b.far)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
