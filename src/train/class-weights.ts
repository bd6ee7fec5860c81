/**
 * Weights by which every class counts the same, however many samples it has: total / (classes · samples of the class), as
 * scikit-learn's `balanced`. A class without samples, which scikit-learn refuses, gets 0.
 *
 * @param counts samples of each class
 */
export function balancedClassWeights(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (count === 0 ? 0 : total / (counts.length * count)));
}
