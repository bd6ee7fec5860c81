import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { grad, manualSeed, ones } from "../tensor/torch/index.js";
import { Dropout, StochasticDepth } from "./index.js";

const rows = 2000;
const row = 5;
const run = (layer: Dropout | StochasticDepth) => {
  manualSeed(3);
  const x = ones([rows, row]);
  x.requiresGrad = true;
  const y = computed(layer.forward(x));
  const gradient = computed(grad([y], [x], { gradients: [ones(y.shape)] })[0]);
  return { values: [...y.dataAs("float32")], gradient: [...gradient.dataAs("float32")] };
};

it("does nothing in evaluation, or with probability 0", () => {
  const x = ones([2, 3]);
  for (const layer of [new Dropout(0.5), new StochasticDepth(0.5), new StochasticDepth(0.5, "batch")]) {
    expect(layer.eval().forward(x)).toBe(x);
  }
  for (const layer of [new Dropout(0), new StochasticDepth(0)]) expect(layer.forward(x)).toBe(x);
});

describe("in training", () => {
  // 4 standard deviations of the mean of n Bernoulli variables
  const near = (values: number[], p: number, n: number) => {
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(Math.abs(dropped - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / n));
  };

  it("dropout zeroes elements with probability p, scales the others, and its gradient does the same", () => {
    const { values, gradient } = run(new Dropout(0.3));
    near(values, 0.3, rows * row);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
    expect(gradient).toEqual(values);
    const mixed = values.some((_, i) => i % row === 0 && new Set(values.slice(i, i + row)).size === 2);
    expect(mixed).toBe(true);
  });

  it("dropout's probability can be changed, and acts from then on", () => {
    const layer = new Dropout(0.1);
    layer.p = 0.6;
    expect(layer.p).toBe(0.6);
    const { values, gradient } = run(layer);
    near(values, 0.6, rows * row);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.4)]));
    expect(gradient).toEqual(values);
    layer.p = 0;
    const x = ones([2, 3]);
    expect(layer.forward(x)).toBe(x);
  });

  it("stochastic depth zeroes whole rows", () => {
    const { values, gradient } = run(new StochasticDepth(0.3));
    near(values, 0.3, rows);
    for (let i = 0; i < values.length; i += row) expect(new Set(values.slice(i, i + row)).size).toBe(1);
    expect(Math.max(...values)).toBeCloseTo(1 / 0.7, 5);
    expect(gradient).toEqual(values);
  });

  it("or the whole batch", () => {
    const layer = new StochasticDepth(0.5, "batch");
    manualSeed(1);
    const sums = Array.from({ length: 40 }, () => new Set(computed(layer.forward(ones([4, 2]))).dataAs("float32")));
    expect(sums.every((set) => set.size === 1)).toBe(true);
    expect(new Set(sums.map((set) => [...set][0]))).toEqual(new Set([0, 2]));
  });

  it("with probability 1 nothing is left, and nothing is NaN", () => {
    expect(new Set(run(new StochasticDepth(1)).values)).toEqual(new Set([0]));
    expect(new Set(run(new Dropout(1)).values)).toEqual(new Set([0]));
  });
});

it("refuses what is no probability", () => {
  for (const p of [-0.1, 1.1, Number.NaN]) {
    expect(() => new Dropout(p)).toThrow("Dropout: the probability");
    expect(() => new StochasticDepth(p)).toThrow("StochasticDepth: the probability");
    const layer = new Dropout(0.2);
    expect(() => {
      layer.p = p;
    }).toThrow("Dropout: the probability");
    expect(layer.p).toBe(0.2);
  }
});
