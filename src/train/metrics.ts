import { ArgumentError } from "../errors.js";

/** How well one class is told from the others. */
export interface ClassMetrics {
  /** The class. */
  name: string;
  /** Samples that truly are of this class. */
  support: number;
  /** Of what was predicted to be this class, the share that is; 0 where it was never predicted. */
  precision: number;
  /** Of what is this class, the share predicted so; 0 where the class does not occur. */
  recall: number;
  /** Harmonic mean of precision and recall; 0 where both are 0. */
  f1: number;
}

/** Unweighted means over classes. */
export type MacroAverages = Pick<ClassMetrics, "precision" | "recall" | "f1">;

/**
 * Counts of (true class, predicted class) pairs, and what follows from them.
 *
 * Divisions by zero follow scikit-learn (`zero_division=0`): precision, recall and F1 of a class are 0 where they are
 * undefined. Means over no samples at all are NaN.
 */
export class ConfusionMatrix {
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  readonly #counts: number[][];

  /** @throws ArgumentError without classes, or when a name occurs twice */
  constructor(classes: readonly string[]) {
    if (classes.length === 0) throw new ArgumentError("a confusion matrix needs at least one class");
    const twice = classes.find((name, i) => classes.indexOf(name) !== i);
    if (twice !== undefined) throw new ArgumentError(`class ${JSON.stringify(twice)} is named twice`);
    this.classes = [...classes];
    this.#counts = classes.map(() => new Array<number>(classes.length).fill(0));
  }

  /**
   * A matrix of given counts.
   *
   * @param counts `counts[true][predicted]`, [classes, classes], whole numbers ≥ 0
   * @throws ArgumentError when the counts are not square or not whole
   */
  static fromCounts(classes: readonly string[], counts: readonly (readonly number[])[]): ConfusionMatrix {
    const matrix = new ConfusionMatrix(classes);
    const n = classes.length;
    if (counts.length !== n || counts.some((row) => row.length !== n)) {
      throw new ArgumentError(`counts of ${n} classes must be ${n} rows of ${n} numbers`);
    }
    counts.forEach((row, truth) => {
      row.forEach((count, predicted) => {
        if (!Number.isSafeInteger(count) || count < 0) {
          throw new ArgumentError(`counts[${truth}][${predicted}] is ${count}, not a whole number of at least 0`);
        }
        matrix.#row(truth)[predicted] = count;
      });
    });
    return matrix;
  }

  /**
   * Counts a batch: all of it, or nothing when an index is not a class.
   *
   * @param labels the true classes, [N]
   * @param predictions the predicted classes, [N]
   * @throws ArgumentError when the lengths differ or an index is not a class
   */
  add(labels: ArrayLike<number | bigint>, predictions: ArrayLike<number | bigint>): void {
    if (labels.length !== predictions.length) {
      throw new ArgumentError(`${labels.length} labels do not go with ${predictions.length} predictions`);
    }
    const truths = this.#indices(labels, "label");
    const guesses = this.#indices(predictions, "prediction");
    for (const [i, truth] of truths.entries()) {
      const row = this.#row(truth);
      const predicted = guesses[i] ?? 0;
      row[predicted] = (row[predicted] ?? 0) + 1;
    }
  }

  /** `counts[true][predicted]`, a copy. */
  get counts(): number[][] {
    return this.#counts.map((row) => [...row]);
  }

  /** Samples counted so far. */
  get total(): number {
    return sum(this.#counts.map(sum));
  }

  /** Share of samples predicted right, 0 … 1; NaN without samples. */
  get accuracy(): number {
    return sum(this.#counts.map((row, i) => row[i] ?? 0)) / this.total;
  }

  /** Mean recall over the classes that occur, 0 … 1 (Brodersen et al. 2010); NaN without samples. */
  get balancedAccuracy(): number {
    return mean(this.perClass().flatMap((c) => (c.support > 0 ? [c.recall] : [])));
  }

  /** The metrics of each class, in the order of `classes`. */
  perClass(): ClassMetrics[] {
    return this.classes.map((name, i) => {
      const hits = this.#row(i)[i] ?? 0;
      const support = sum(this.#row(i));
      const predicted = this.#predicted(i);
      return {
        name,
        support,
        precision: ratio(hits, predicted),
        recall: ratio(hits, support),
        f1: ratio(2 * hits, support + predicted),
      };
    });
  }

  /**
   * Unweighted means over the classes that occur as truth or as prediction, scikit-learn's default; NaN without samples.
   */
  macro(): MacroAverages {
    const occurring = this.perClass().filter((c, i) => c.support + this.#predicted(i) > 0);
    return {
      precision: mean(occurring.map((c) => c.precision)),
      recall: mean(occurring.map((c) => c.recall)),
      f1: mean(occurring.map((c) => c.f1)),
    };
  }

  /** Everything as plain data. `JSON.stringify` writes the NaN of an empty matrix as null. */
  toJSON() {
    return {
      classes: [...this.classes],
      counts: this.counts,
      total: this.total,
      accuracy: this.accuracy,
      balancedAccuracy: this.balancedAccuracy,
      perClass: this.perClass(),
      macro: this.macro(),
    };
  }

  #row(truth: number): number[] {
    const row = this.#counts[truth];
    if (row === undefined) throw new ArgumentError(`${truth} is not one of ${this.classes.length} classes`);
    return row;
  }

  #predicted(index: number): number {
    return sum(this.#counts.map((row) => row[index] ?? 0));
  }

  #indices(values: ArrayLike<number | bigint>, what: string): number[] {
    return Array.from(values, (value, i) => {
      const index = Number(value);
      if (!Number.isInteger(index) || index < 0 || index >= this.classes.length) {
        throw new ArgumentError(
          `${what} ${i} is ${value}, not an index into ${this.classes.length} classes (0 to ${this.classes.length - 1})`,
        );
      }
      return index;
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
