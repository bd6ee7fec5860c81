import { describe, expect, it } from "vitest";
import { mostConfidentMistakes } from "./mistakes.js";

describe("mostConfidentMistakes", () => {
  // Four of the images of a set of ten, in an order of their own.
  const predictions = {
    indices: Uint32Array.of(7, 2, 5, 0),
    probabilities: Float32Array.of(0.5, 0.25, 0.25, 0.125, 0.75, 0.125, 0, 0.125, 0.875, 0.25, 0.25, 0.5),
  };
  const labels = [0, 9, 0, 9, 9, 2, 9, 1, 9, 9];

  it("tells which images of the set they are, the surest first", () => {
    // Image 5 is right.
    expect(mostConfidentMistakes(predictions, labels)).toEqual([
      { index: 2, truth: 0, predicted: 1, confidence: 0.75 },
      { index: 7, truth: 1, predicted: 0, confidence: 0.5 },
      { index: 0, truth: 0, predicted: 2, confidence: 0.5 },
    ]);
  });

  it("tells at most so many", () => {
    const indices = (count: number) => mostConfidentMistakes(predictions, labels, count).map(({ index }) => index);
    expect(indices(2)).toEqual([2, 7]);
    expect(indices(0)).toEqual([]);
    expect(indices(10)).toEqual([2, 7, 0]);
  });

  it("finds none where all is right, and where there is nothing", () => {
    expect(
      mostConfidentMistakes({ indices: Uint32Array.of(0), probabilities: Float32Array.of(0.9, 0.1) }, [0]),
    ).toEqual([]);
    expect(mostConfidentMistakes({ indices: new Uint32Array(), probabilities: new Float32Array() }, [])).toEqual([]);
  });
});
