import { beforeAll, describe, expect, it } from "vitest";
import * as models from "../../src/models/index.js";
import * as optim from "../../src/optim/index.js";
import * as torch from "../../src/tensor/torch/index.js";
import { readGolden } from "../support/files.js";
import { gradientUnit, lossDifference, maxNorm } from "./compare.mjs";
import { type OptimizerKind, train } from "./training.mjs";

interface Gradient {
  max: number;
  norm: number;
  every: number;
  elements: number[];
}

/** What PyTorch gave; `npm run parity -- --save` writes it. */
const golden = readGolden<Record<OptimizerKind, number[]> & { gradients: Record<string, Gradient> }>("parity");
const names = Object.keys(golden.gradients);
const greatest = Math.max(...Object.values(golden.gradients).map(({ max }) => max));

describe("nuclei_basic trains as in PyTorch", () => {
  let sgd = { losses: [] as number[], gradients: new Map<string, Float32Array>() };

  // One thread: other tests use the machine too, and threads that wait for each other then take many times as long.
  beforeAll(() => {
    torch.setThreads(1);
    sgd = train({ models, optim, torch }, "sgd");
  });

  it("losses of 20 steps of SGD agree to 1e-4", () => {
    expect(lossDifference(sgd.losses, golden.sgd)).toBeLessThanOrEqual(1e-4);
    expect(sgd.losses.at(-1)).toBeLessThan(0.5 * (sgd.losses[0] ?? 0));
  });

  it("losses of 20 steps of AdamW agree to 1e-4", () => {
    const adamw = train({ models, optim, torch }, "adamw");
    expect(lossDifference(adamw.losses, golden.adamw)).toBeLessThanOrEqual(1e-4);
    expect(adamw.losses.at(-1)).toBeLessThan(0.5 * (adamw.losses[0] ?? 0));
  });

  it("has gradients of the same parameters", () => expect([...sgd.gradients.keys()]).toEqual(names));

  it.each(names)("the first gradient of %s agrees to 1e-5", (name) => {
    const expected = golden.gradients[name];
    const values = sgd.gradients.get(name);
    if (!expected || !values) throw new Error("no such gradient");
    const unit = gradientUnit(expected.max, greatest);
    const elements = values.filter((_, i) => i % expected.every === 0);
    expect(elements.length).toBe(expected.elements.length);
    expect(maxNorm(elements.map((x, i) => x - (expected.elements[i] ?? 0))) / unit).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(maxNorm(values) - expected.max) / unit).toBeLessThanOrEqual(1e-5);
    const norm = gradientUnit(expected.norm, greatest);
    expect(Math.abs(Math.hypot(...values) - expected.norm) / norm).toBeLessThanOrEqual(1e-5);
  });
});
