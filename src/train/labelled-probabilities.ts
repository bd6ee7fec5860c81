import { ArgumentError } from "../errors.js";

/** Rounding in half precision moves a row's sum by less. */
const sumTolerance = 0.01;

/**
 * Samples whose classes are known, and the probabilities that a network gives them: what {@link rankingScores},
 * {@link calibration} and others measure.
 */
export class LabelledProbabilities {
  /** `[N, K]`, 0 … 1; the array that was given, not a copy. */
  readonly probabilities: Float32Array;
  /** `[N]`, the true classes, 0 … K - 1. */
  readonly labels: Uint32Array;
  /** K. */
  readonly classes: number;

  /**
   * @param probabilities `[N, K]`, row after row; each row sums to 1
   * @param labels `[N]`, the true classes
   * @param classes K, at least 1
   * @throws ArgumentError without samples or classes, when the lengths do not go together, a label is not a class, or a row
   *   holds a number that is NaN, infinite or negative, or does not sum to 1 within 0.01
   */
  constructor(probabilities: Float32Array, labels: ArrayLike<number | bigint>, classes: number) {
    if (!Number.isSafeInteger(classes) || classes < 1) {
      throw new ArgumentError(`the number of classes is ${classes}, not a whole number of at least 1`);
    }
    if (labels.length === 0) throw new ArgumentError("there are no samples to measure");
    if (probabilities.length !== labels.length * classes) {
      throw new ArgumentError(
        `${labels.length} labels of ${classes} classes need ${labels.length * classes} probabilities, not ${probabilities.length}`,
      );
    }
    this.probabilities = probabilities;
    this.classes = classes;
    this.labels = Uint32Array.from(labels, (label, i) => {
      const index = Number(label);
      if (Number.isInteger(index) && index >= 0 && index < classes) return index;
      throw new ArgumentError(
        `label ${i} is ${label}, not an index into ${classes} classes (0 to ${classes - 1}); leave out what has no label`,
      );
    });
    for (let i = 0; i < this.samples; i++) checkRow(this.row(i), i);
  }

  /** N. */
  get samples(): number {
    return this.labels.length;
  }

  /** The probabilities of a sample, `[K]`: a view, not a copy. */
  row(sample: number): Float32Array {
    return this.probabilities.subarray(sample * this.classes, (sample + 1) * this.classes);
  }

  /** Samples of each class, `[K]`. */
  supports(): number[] {
    const counts = new Array<number>(this.classes).fill(0);
    for (const label of this.labels) counts[label] = (counts[label] as number) + 1;
    return counts;
  }
}

/** The class of the highest probability; of several the first. */
export function mostProbable(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] as number) > (row[best] as number)) best = i;
  return best;
}

function checkRow(row: Float32Array, sample: number): void {
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const value = row[i] as number;
    // False for NaN too.
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ArgumentError(`the probability of class ${i} for sample ${sample} is ${value}`);
    }
    sum += value;
  }
  if (Math.abs(sum - 1) > sumTolerance) {
    throw new ArgumentError(
      `the probabilities of sample ${sample} sum to ${sum}, not to 1; give those after the softmax, not its inputs`,
    );
  }
}
