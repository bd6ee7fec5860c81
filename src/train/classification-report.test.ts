import { describe, expect, it } from "vitest";
import { readGolden } from "../../test/support/files.js";
import { ArgumentError } from "../errors.js";
import { calibration } from "./calibration.js";
import { classificationReport } from "./classification-report.js";
import { LabelledProbabilities, mostProbable } from "./labelled-probabilities.js";
import { ConfusionMatrix } from "./metrics.js";
import { meanOfDefined, rankingScores, topKAccuracy } from "./ranking.js";
import { brierScore, negativeLogLikelihood } from "./scoring-rules.js";

/** As test/golden/metrics.py writes it; null is what is undefined. */
interface Case {
  name: string;
  denominator: number;
  /** [N][K]; over the denominator they are probabilities. */
  weights: number[][];
  labels: number[];
  /** For k = 1 … K. */
  topK: number[];
  rocAuc: (number | null)[];
  averagePrecision: (number | null)[];
  macro: { rocAuc: number | null; averagePrecision: number | null };
  weighted: { rocAuc: number | null; averagePrecision: number | null };
  negativeLogLikelihood: number;
  brierScore: number;
  /** By the number of bins. */
  calibration: Record<string, { expected: number; maximum: number; bins: [number, number | null, number | null][] }>;
}

const { cases } = readGolden<{ cases: Case[] }>("metrics");

describe.each(cases)("$name", (golden) => {
  const classes = golden.weights[0]?.length ?? 0;
  const probabilities = Float32Array.from(golden.weights.flat(), (weight) => weight / golden.denominator);
  const samples = new LabelledProbabilities(probabilities, golden.labels, classes);

  it("has the top-k accuracies of the definition and of scikit-learn", () => {
    close(
      golden.topK.map((_, i) => topKAccuracy(samples, i + 1)),
      golden.topK,
    );
  });

  it("has their ROC-AUC and average precision, of each class and as means", () => {
    const { rocAuc, averagePrecision } = rankingScores(samples);
    close(rocAuc, golden.rocAuc);
    close(averagePrecision, golden.averagePrecision);
    const supports = samples.supports();
    close([meanOfDefined(rocAuc), meanOfDefined(averagePrecision)], Object.values(golden.macro));
    close([meanOfDefined(rocAuc, supports), meanOfDefined(averagePrecision, supports)], Object.values(golden.weighted));
  });

  it("has their negative log-likelihood and Brier score", () => {
    close([negativeLogLikelihood(samples)], [golden.negativeLogLikelihood]);
    close([brierScore(samples)], [golden.brierScore]);
  });

  it.each(Object.keys(golden.calibration))("has the calibration of the definition in %s bins", (count) => {
    const expected = golden.calibration[count];
    const found = calibration(samples, Number(count));
    close([found.expectedError, found.maximumError], [expected?.expected, expected?.maximum]);
    expect(found.bins.map((bin) => bin.count)).toEqual(expected?.bins.map(([n]) => n));
    close(
      found.bins.flatMap((bin) => [bin.confidence, bin.accuracy]),
      expected?.bins.flatMap(([, confidence, accuracy]) => [confidence, accuracy]) ?? [],
    );
    expect(found.bins.map((bin) => [bin.low, bin.high])).toEqual(
      found.bins.map((_, i) => [i / Number(count), (i + 1) / Number(count)]),
    );
  });

  it("is reported all at once, and as JSON", () => {
    const matrix = matrixOf(samples);
    const report = classificationReport(matrix, probabilities, golden.labels);
    expect(report).toMatchObject({ ...matrix.toJSON(), perClass: matrix.perClass(), macro: matrix.macro() });
    expect(report.accuracy).toBeCloseTo(golden.topK[0] ?? Number.NaN, 12);
    const plain = JSON.parse(JSON.stringify(report));
    close([plain.top5Accuracy], [classes > 5 ? golden.topK[4] : null]);
    close(
      plain.perClass.map(({ rocAuc }: { rocAuc: number }) => rocAuc),
      golden.rocAuc,
    );
    close(
      plain.perClass.map(({ averagePrecision }: { averagePrecision: number }) => averagePrecision),
      golden.averagePrecision,
    );
    close([plain.macro.rocAuc, plain.macro.averagePrecision], Object.values(golden.macro));
    close([plain.weighted.rocAuc, plain.weighted.averagePrecision], Object.values(golden.weighted));
    close([plain.negativeLogLikelihood, plain.brierScore], [golden.negativeLogLikelihood, golden.brierScore]);
    expect(plain.calibration.bins).toHaveLength(15);
    close([plain.calibration.expectedError], [golden.calibration["15"]?.expected]);
  });
});

describe("what cannot be measured", () => {
  const rows = Float32Array.of(0.5, 0.25, 0.25, 0, 1, 0);

  it.each([
    ["no samples", [], [], 3, "there are no samples to measure"],
    ["no classes", [], [0], 0, "the number of classes is 0, not a whole number of at least 1"],
    ["too few labels", rows, [0], 3, "1 labels of 3 classes need 3 probabilities, not 6"],
    ["a label beyond the classes", rows, [0, 3], 3, "label 1 is 3, not an index into 3 classes (0 to 2)"],
    ["an image without a label", rows, [-1, 0], 3, "label 0 is -1"],
    ["half a label", rows, [0, 0.5], 3, "label 1 is 0.5"],
    ["NaN", [0.5, 0.5, 0, Number.NaN, 1, 0], [0, 1], 3, "the probability of class 0 for sample 1 is NaN"],
    ["infinity", [Number.POSITIVE_INFINITY, 0, 0], [0], 3, "the probability of class 0 for sample 0 is Infinity"],
    ["logits", [-2, 3, 0], [0], 3, "the probability of class 0 for sample 0 is -2"],
    ["logits above 0", [1, 2], [0], 2, "the probabilities of sample 0 sum to 3, not to 1"],
  ] as const)("%s", (_, values, labels, classes, message) => {
    const make = () => new LabelledProbabilities(Float32Array.from(values), labels, classes);
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });

  it.each([0, 4, 1.5, Number.NaN])("the top %d of 3", (k) => {
    const samples = new LabelledProbabilities(rows, [0, 1], 3);
    expect(() => topKAccuracy(samples, k)).toThrow(`k is ${k}, not a whole number from 1 to the 3 classes`);
  });

  it.each([0, 2.5, 10_001])("%d bins", (bins) => {
    const samples = new LabelledProbabilities(rows, [0, 1], 3);
    expect(() => calibration(samples, bins)).toThrow(`the number of bins is ${bins}, not a whole number from 1`);
  });

  it("other samples than those of the matrix", () => {
    const matrix = ConfusionMatrix.fromCounts(
      ["a", "b", "c"],
      [
        [1, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
      ],
    );
    expect(() => classificationReport(matrix, rows, [0, 1])).toThrow(
      'the matrix has counted 0 samples of class "b", the labels have 1',
    );
  });
});

describe("probabilities as they come", () => {
  it("may be a part of a larger array, and labels 64-bit whole numbers", () => {
    const part = Float32Array.of(9, 9, 0.75, 0.25, 0.5, 0.5, 0.25, 0.75).subarray(2);
    const { rocAuc } = rankingScores(new LabelledProbabilities(part, BigInt64Array.of(0n, 1n, 1n), 2));
    expect(rocAuc).toEqual([1, 1]);
  });

  it("may be -0, which is 0", () => {
    const { rocAuc } = rankingScores(new LabelledProbabilities(Float32Array.of(-0, 1, 0, 1), [0, 1], 2));
    expect(rocAuc).toEqual([0.5, 0.5]);
  });

  it("may sum to a little more than 1, as rounding leaves them", () => {
    const found = calibration(new LabelledProbabilities(Float32Array.of(1 + 2 ** -23, 0), [0], 2));
    expect(found.bins[14]?.count).toBe(1);
  });
});

function matrixOf(samples: LabelledProbabilities): ConfusionMatrix {
  const matrix = new ConfusionMatrix(Array.from({ length: samples.classes }, (_, i) => `class ${i}`));
  matrix.add(
    samples.labels,
    Array.from({ length: samples.samples }, (_, i) => mostProbable(samples.row(i))),
  );
  return matrix;
}

/** Equal to 12 digits; NaN and null both say that a value is undefined. */
function close(actual: readonly (number | null)[], expected: readonly (number | null | undefined)[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of actual.entries()) {
    const wanted = expected[i] ?? Number.NaN;
    if (Number.isNaN(wanted)) expect(value ?? Number.NaN).toBeNaN();
    else expect(value).toBeCloseTo(wanted, 12);
  }
}
