import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { CrossEntropyLoss, type Module } from "../nn/index.js";
import { AdamW, type Optimizer, SGD } from "../optim/index.js";
import { device, memory } from "../tensor/torch/index.js";
import { findLearningRate, type LearningRateOptions, suggestedRate } from "./lr-finder.js";

const set = twoColors(40, "train");
const loader = loaderOf(set, { sampler: { name: "shuffle" } });

function search(options: Partial<LearningRateOptions> = {}): LearningRateOptions & { optimizer: Optimizer } {
  const model = options.model ?? new TinyNet().materialize(device(), 4);
  const optimizer = options.optimizer ?? new SGD(model.parameters(), { learningRate: 0.5, momentum: 0.9 });
  return { model, optimizer, loss: new CrossEntropyLoss(), loader, ...options };
}

function bitsOf(model: Module): Map<string, string> {
  return new Map([...model.stateDict()].map(([name, value]) => [name, String(value.data())]));
}

/** Points by the losses at rates that grow tenfold every ten points. */
function curve(losses: readonly number[]) {
  return losses.map((loss, i) => ({ learningRate: 1e-7 * 10 ** (i / 10), loss }));
}

describe("findLearningRate", () => {
  it("finds a rate at which a small problem is learnt", async () => {
    const { points, suggestion = Number.NaN } = await findLearningRate(search({ from: 1e-4, to: 100 }));
    expect(points[0]?.learningRate).toBe(1e-4);
    expect(suggestion).toBeGreaterThan(1e-3);
    expect(suggestion).toBeLessThan(30);
    // Trained at that rate throughout, the loss falls in forty steps; at the first rate it does not.
    const atRate = async (rate: number) => {
      const near = { from: rate, to: rate * (1 + 1e-9), batches: 40, smoothing: 0, stopAt: 1e9 };
      const { points: steps } = await findLearningRate(search(near));
      return steps.slice(-4).reduce((sum, { loss }) => sum + loss / 4, 0);
    };
    expect(await atRate(suggestion)).toBeLessThan((await atRate(1e-4)) / 2);
  });

  it("lets the rate grow by equal factors, over as many epochs as it takes", async () => {
    const steps: number[] = [];
    const { points } = await findLearningRate(
      search({ from: 1e-5, to: 1e-3, batches: 11, onStep: (_, step) => void steps.push(step) }),
    );
    // Four batches an epoch.
    expect(points).toHaveLength(11);
    expect(steps).toEqual(points.map((_, i) => i + 1));
    for (const [i, { learningRate }] of points.entries()) expect(learningRate / 10 ** (-5 + i / 5)).toBeCloseTo(1, 10);
  });

  it("smooths the losses and corrects for the start at 0: by hand", async () => {
    const options = { from: 1e-3, to: 1e-1, batches: 12 };
    const raw = (await findLearningRate(search({ ...options, smoothing: 0 }))).points;
    const smooth = (await findLearningRate(search({ ...options, smoothing: 0.9 }))).points;
    for (const [n, { loss }] of smooth.entries()) {
      const weights = raw.slice(0, n + 1).map((_, i) => 0.9 ** (n - i));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const expected = weights.reduce((sum, weight, i) => sum + (weight / total) * (raw[i]?.loss ?? Number.NaN), 0);
      expect(loss).toBeCloseTo(expected, 10);
    }
    expect(new Set(raw.map(({ loss }) => loss)).size).toBe(12);
  });

  it("stops when the loss explodes, and before it is no number", async () => {
    const options = { from: 0.1, to: 1e30, batches: 60, smoothing: 0.5 };
    const { points } = await findLearningRate(search(options));
    expect(points.length).toBeLessThan(60);
    const lowest = Math.min(...points.slice(0, -1).map(({ loss }) => loss));
    expect(points.at(-1)?.loss).toBeGreaterThan(4 * lowest);
    const late = (await findLearningRate(search({ ...options, stopAt: 1e300 }))).points;
    expect(late.length).toBeGreaterThan(points.length);
    expect(late.length).toBeLessThan(60);
    expect(late.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it("leaves the network, its modes and the optimiser as they were, also when it is stopped", async () => {
    const model = new TinyNet().materialize(device(), 4);
    const optimizer = new AdamW(model.parameters(), { learningRate: 0.25 });
    // An optimiser that has been at work before.
    for (const [, parameter] of model.parameters()) computed(parameter.value).grad = computed(parameter.value).detach();
    optimizer.step();
    optimizer.zeroGrad();
    model.eval();
    const state = () => {
      const { steps, tensors } = optimizer.stateDict();
      return [[...steps], [...tensors].map(([name, slot]) => [name, String(slot.data())]), optimizer.learningRate];
    };
    const [weights, before, tensors] = [bitsOf(model), state(), memory().tensors];
    let seen: Map<string, string> | undefined;
    await findLearningRate(
      search({
        model,
        optimizer,
        to: 10,
        batches: 12,
        onStep: () => {
          seen = bitsOf(model);
          expect(model.training).toBe(true);
        },
      }),
    );
    expect(seen).not.toEqual(weights);
    expect(bitsOf(model)).toEqual(weights);
    expect(state()).toEqual(before);
    expect([...model.modules()].some(([, { training }]) => training)).toBe(false);
    expect(memory().tensors).toBe(tensors);

    const controller = new AbortController();
    const stopped = findLearningRate(
      search({
        model,
        optimizer,
        to: 10,
        signal: controller.signal,
        onStep: (_, step) => {
          if (step === 3) controller.abort(new Error("enough"));
        },
      }),
    );
    await expect(stopped).rejects.toThrow("enough");
    expect(bitsOf(model)).toEqual(weights);
    expect(state()).toEqual(before);
    expect(memory().tensors).toBe(tensors);
  });

  it("gives the same numbers for the same seed, and others for another", async () => {
    const losses = async (seed: number) => (await findLearningRate(search({ seed, to: 10, batches: 15 }))).points;
    expect(await losses(1)).toEqual(await losses(1));
    expect(await losses(2)).not.toEqual(await losses(1));
  });

  it("refuses what makes no search", async () => {
    for (const [options, message] of [
      [{ from: 0 }, "cannot grow from 0 to 1"],
      [{ from: 2 }, "cannot grow from 2 to 1"],
      [{ batches: 1 }, "two batches"],
      [{ smoothing: 1 }, "smoothing"],
      [{ stopAt: 1 }, "more than 1"],
    ] as const) {
      await expect(findLearningRate(search(options))).rejects.toThrow(message);
    }
  });
});

describe("suggestedRate", () => {
  it("is where the loss falls the most steeply", () => {
    // A sigmoid that falls from 3 to 1 around point 42, and then rises.
    const losses = Array.from({ length: 70 }, (_, i) => 3 - 2 / (1 + Math.exp(-(i - 42) / 3)) + (i > 60 ? i - 60 : 0));
    expect(suggestedRate(curve(losses))).toBe(curve(losses)[42]?.learningRate);
  });

  it("leaves the first ten and the last point out", () => {
    const flat = Array.from({ length: 40 }, (_, i) => 2 - i / 1000);
    const begins = flat.map((loss, i) => loss + (i < 9 ? 10 - i : 0));
    expect(suggestedRate(curve(begins))).toBe(suggestedRate(curve(flat)));
    // What the last point does to the one before it does not count either.
    expect(suggestedRate(curve(flat.with(39, -50)))).toBe(suggestedRate(curve(flat)));
    const late = flat.with(38, 0);
    expect(suggestedRate(curve(late))).toBe(curve(late)[38]?.learningRate);
    const early = flat.map((loss, i) => loss + (i <= 10 ? 1 : 0));
    expect(suggestedRate(curve(early))).toBe(curve(early)[10]?.learningRate);
  });

  it("is none where there are too few points, or the loss only rises", () => {
    const falling = Array.from({ length: 13 }, (_, i) => -i);
    expect(suggestedRate(curve(falling))).toBeDefined();
    expect(suggestedRate(curve(falling.slice(1)))).toBeUndefined();
    expect(suggestedRate(curve([]))).toBeUndefined();
    expect(suggestedRate(curve(falling.map((loss) => -loss)))).toBeUndefined();
  });
});
