import type { TopLevelSpec } from "vega-lite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArgumentError } from "../errors.js";
import { learningRateChart, lrFinderChart } from "./learning-rate.js";
import { renderSvg } from "./render.js";

// Vega and Vega-Lite warn of what they do not understand in a specification.
const warn = vi.spyOn(console, "warn");
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => expect(warn).not.toHaveBeenCalled());

describe("learningRateChart", () => {
  const points = [0.001, 0.003, 0.002, 0].map((learningRate, i) => ({ at: i + 1, learningRate }));

  it("says the highest and the last rate, and draws from 0", async () => {
    const texts = await textsOf(learningRateChart(points));
    expect(texts).toContain("Highest 0.003, last 0");
    expect(texts).toEqual(expect.arrayContaining(["Epoch", "Learning rate", "0", "0.001", "0.003", "1", "4"]));
    expect(await lineOf(learningRateChart(points))).toEqual([
      [0, 160],
      [113.333, 0],
      [226.667, 80],
      [340, 240],
    ]);
  });

  it("draws factors over steps, without what has no place there", async () => {
    const rates = [1e-5, 1e-4, 0.001, 0, Number.NaN].map((learningRate, i) => ({ at: 1000 * i, learningRate }));
    const chart = learningRateChart(rates, { x: "step", scale: "log" });
    expect(await textsOf(chart)).toEqual(expect.arrayContaining(["Step", "2,000", "1e-5", "1e-4", "0.001"]));
    // Each ten times the one before: the same distance.
    expect(await lineOf(chart)).toEqual([
      [0, 240],
      [170, 120],
      [340, 0],
    ]);
  });

  it("draws a lone rate, and none is an error", async () => {
    expect(await renderSvg(learningRateChart(points.slice(0, 1)))).not.toMatch(/NaN|Infinity/);
    expect(await renderSvg(learningRateChart(points.slice(0, 1), { scale: "log" }))).not.toMatch(/NaN|Infinity/);
    expect(await renderSvg(learningRateChart(points.slice(3)))).not.toMatch(/NaN|Infinity/);
    expect(() => learningRateChart([])).toThrow(ArgumentError);
    expect(() => learningRateChart(points.slice(3), { scale: "log" })).toThrow(ArgumentError);
  });
});

describe("lrFinderChart", () => {
  const means = [2, 1.474, 1.299, 291];
  const points = [2, 1, 1, 1000].map((batchLoss, i) => ({
    learningRate: 10 ** (i - 4),
    batchLoss,
    loss: means[i] ?? Number.NaN,
  }));

  it("marks the suggestion where it is on an axis of factors", async () => {
    const texts = await textsOf(lrFinderChart({ points, suggestion: 0.01 }));
    expect(texts).toEqual(expect.arrayContaining(["1e-4", "0.001", "0.01", "0.1", "Loss of a batch"]));
    expect(texts).toContain("Suggested: 0.01. Thin: each batch; thick: the running mean");
    // Two of three factors of ten along 480 pixels.
    expect(await renderSvg(lrFinderChart({ points, suggestion: 0.01 }))).toMatch(
      /"rule mark" transform="translate\(320[.,]/,
    );
    expect(await textsOf(lrFinderChart({ points, suggestion: undefined }))).toContain(
      "No rate can be suggested. Thin: each batch; thick: the running mean",
    );
  });

  it("draws each batch and the mean", () => {
    const { data, layer } = JSON.parse(JSON.stringify(lrFinderChart({ points, suggestion: 0.01 })));
    expect(data.values).toMatchObject(points.map((point) => ({ ...point })));
    expect([layer[0].encoding.y.field, layer[1].encoding.y.field]).toEqual(["batchLoss", "loss"]);
  });

  it("leaves out the rise at the end and what is not finite", async () => {
    const diverged = [
      ...points,
      { learningRate: 1, batchLoss: 1, loss: Number.NaN },
      { learningRate: 0, batchLoss: 1, loss: 1 },
    ];
    const spec = JSON.parse(JSON.stringify(lrFinderChart({ points: diverged, suggestion: 0.01 })));
    // The mean starts at 2 and sinks to 1.299: the axis ends a little above 2.7, not at 1000.
    expect(spec.layer[0].encoding.y.scale.domain[1]).toBeLessThan(3);
    expect(spec.data.values).toHaveLength(4);
    expect(await renderSvg(lrFinderChart({ points: diverged, suggestion: 0.01 }))).not.toMatch(/NaN|Infinity/);
  });

  it("draws a lone point, and none is an error", async () => {
    expect(await renderSvg(lrFinderChart({ points: points.slice(0, 1), suggestion: undefined }))).not.toMatch(
      /NaN|Infinity/,
    );
    expect(() =>
      lrFinderChart({ points: [{ learningRate: 0.1, batchLoss: 1, loss: Number.NaN }], suggestion: undefined }),
    ).toThrow(ArgumentError);
  });
});

async function textsOf(spec: TopLevelSpec): Promise<string[]> {
  const svg = await renderSvg(spec);
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = ""]) => text);
}

/** The corners of the chart's line, pixels from the left upper corner. */
async function lineOf(spec: TopLevelSpec): Promise<number[][]> {
  const [, path = ""] = /"line mark" d="M([^"]*)"/.exec(await renderSvg(spec)) ?? [];
  return path.split("L").map((corner) => corner.split(",").map((value) => Number(Number(value).toFixed(3))));
}
