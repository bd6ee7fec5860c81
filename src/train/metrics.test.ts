import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { ConfusionMatrix } from "./metrics.js";

// Expected values: accuracy_score, balanced_accuracy_score and precision_recall_fscore_support of scikit-learn 1.9.1.

describe("ConfusionMatrix", () => {
  it("agrees with scikit-learn on three unbalanced classes", () => {
    const matrix = ConfusionMatrix.fromCounts(
      ["tumor", "stromal", "til"],
      [
        [50, 3, 2],
        [10, 20, 5],
        [0, 7, 13],
      ],
    );
    expect(matrix.total).toBe(110);
    expect(matrix.accuracy).toBeCloseTo(0.7545454545454545, 14);
    expect(matrix.balancedAccuracy).toBeCloseTo(0.7101731601731601, 14);
    const per = matrix.perClass();
    expect(per.map((c) => c.name)).toEqual(["tumor", "stromal", "til"]);
    expect(per.map((c) => c.support)).toEqual([55, 35, 20]);
    close(
      per.map((c) => c.precision),
      [0.83333333, 0.66666667, 0.65],
    );
    close(
      per.map((c) => c.recall),
      [0.90909091, 0.57142857, 0.65],
    );
    close(
      per.map((c) => c.f1),
      [0.86956522, 0.61538462, 0.65],
    );
    const macro = matrix.macro();
    close([macro.precision, macro.recall, macro.f1], [0.7166666666666667, 0.7101731601731601, 0.7116499442586398]);
  });

  it("agrees with scikit-learn where a class is never predicted and another does not occur", () => {
    const matrix = ConfusionMatrix.fromCounts(
      ["a", "b", "c", "d"],
      [
        [8, 2, 0, 0],
        [1, 9, 0, 0],
        [3, 2, 0, 0],
        [0, 0, 0, 0],
      ],
    );
    expect(matrix.accuracy).toBeCloseTo(0.68, 14);
    expect(matrix.balancedAccuracy).toBeCloseTo(0.5666666666666668, 14);
    close(
      matrix.perClass().map((c) => c.precision),
      [0.66666667, 0.69230769, 0, 0],
    );
    close(
      matrix.perClass().map((c) => c.recall),
      [0.8, 0.9, 0, 0],
    );
    close(
      matrix.perClass().map((c) => c.f1),
      [0.72727273, 0.7826087, 0, 0],
    );
    const macro = matrix.macro();
    close([macro.precision, macro.recall, macro.f1], [0.452991452991453, 0.5666666666666668, 0.5032938076416338]);
  });

  it("agrees with scikit-learn where a class is predicted that does not occur", () => {
    const matrix = new ConfusionMatrix(["a", "b", "c", "d"]);
    matrix.add([0, 0, 1, 1], [0, 3, 1, 0]);
    expect(matrix.accuracy).toBe(0.5);
    expect(matrix.balancedAccuracy).toBe(0.5);
    close(
      matrix.perClass().map((c) => c.f1),
      [0.5, 0.66666667, 0, 0],
    );
    const macro = matrix.macro();
    close([macro.precision, macro.recall, macro.f1], [0.5, 0.3333333333333333, 0.38888888888888884]);
  });

  it("counts [true][predicted] over batches of any integer array", () => {
    const matrix = new ConfusionMatrix(["a", "b"]);
    matrix.add(BigInt64Array.of(0n, 1n, 1n), Int32Array.of(1, 1, 0));
    matrix.add([0], Uint8Array.of(1));
    expect(matrix.counts).toEqual([
      [0, 2],
      [1, 1],
    ]);
  });

  it("counts a bad batch not at all", () => {
    const matrix = new ConfusionMatrix(["a", "b"]);
    expect(() => matrix.add([0, 1], [0, 2])).toThrow(/prediction 1 is 2, not an index into 2 classes/);
    expect(() => matrix.add([0, -1], [0, 0])).toThrow(ArgumentError);
    expect(() => matrix.add([0.5], [0])).toThrow(ArgumentError);
    expect(() => matrix.add([0], [0, 1])).toThrow(ArgumentError);
    expect(matrix.total).toBe(0);
  });

  it("hands out copies", () => {
    const matrix = new ConfusionMatrix(["a"]);
    const row = matrix.counts[0];
    if (row) row[0] = 5;
    expect(matrix.total).toBe(0);
  });

  it("says NaN without samples, and null in JSON", () => {
    const matrix = new ConfusionMatrix(["a", "b"]);
    expect(matrix.accuracy).toBeNaN();
    expect(matrix.balancedAccuracy).toBeNaN();
    expect(JSON.parse(JSON.stringify(matrix))).toMatchObject({
      total: 0,
      accuracy: null,
      perClass: [{ name: "a" }, {}],
    });
  });

  it("rejects names and counts that make no matrix", () => {
    expect(() => new ConfusionMatrix([])).toThrow(ArgumentError);
    expect(() => new ConfusionMatrix(["a", "a"])).toThrow(/"a" is named twice/);
    expect(() => ConfusionMatrix.fromCounts(["a", "b"], [[1, 2]])).toThrow(ArgumentError);
    expect(() => ConfusionMatrix.fromCounts(["a"], [[-1]])).toThrow(ArgumentError);
    expect(() => ConfusionMatrix.fromCounts(["a"], [[Number.NaN]])).toThrow(ArgumentError);
  });
});

function close(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 7);
  });
}
