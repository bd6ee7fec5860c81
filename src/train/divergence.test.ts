import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loaderOf, twoColors } from "../../test/support/tiny.js";
import { type Batch, parseMix } from "../data/index.js";
import { FoveaError } from "../errors.js";
import { readSafetensors } from "../weights/index.js";
import { DivergedError, SpikeGuard, saveBatch } from "./divergence.js";

describe("SpikeGuard", () => {
  it("says nothing before it has seen twenty losses", () => {
    const guard = new SpikeGuard(2);
    for (let i = 0; i < 19; i++) expect(guard.check(1)).toBe(false);
    expect(guard.check(50)).toBe(false);
    // The mean is 69 / 20 = 3.45 now.
    expect(guard.mean).toBeCloseTo(3.45, 12);
    expect(guard.check(6.91)).toBe(true);
    expect(guard.check(6.89)).toBe(false);
  });

  it("compares with the mean of the last hundred, in which spikes are not", () => {
    const guard = new SpikeGuard(3);
    for (let i = 0; i < 150; i++) expect(guard.check(i < 50 ? 9 : 1)).toBe(false);
    expect(guard.mean).toBe(1);
    expect(guard.check(3)).toBe(false);
    expect(guard.mean).toBeCloseTo(1.02, 12);
    for (let i = 0; i < 3; i++) expect(guard.check(3.07)).toBe(true);
    expect(guard.mean).toBeCloseTo(1.02, 12);
  });

  it("leaves what is no number to the Trainer", () => {
    const guard = new SpikeGuard(3);
    for (let i = 0; i < 20; i++) guard.check(1);
    expect(guard.check(Number.NaN)).toBe(false);
    expect(guard.mean).toBe(1);
    expect(guard.check(Number.POSITIVE_INFINITY)).toBe(true);
    expect(guard.mean).toBe(1);
  });

  it("goes on through JSON where it was", () => {
    const losses = Array.from({ length: 130 }, (_, i) => 1 + Math.sin(i) / 2);
    const one = new SpikeGuard(1.3);
    let two = new SpikeGuard(1.3);
    for (const loss of losses) {
      const state: unknown = JSON.parse(JSON.stringify(two.state()));
      two = new SpikeGuard(1.3);
      two.loadState(state);
      expect(two.check(loss)).toBe(one.check(loss));
    }
    expect(two.mean).toBe(one.mean);
    expect(() => two.loadState({})).toThrow();
    expect(() => new SpikeGuard(1)).toThrow("more than 1 times");
  });
});

describe("DivergedError", () => {
  it("says what happened where, and what to do", () => {
    const indices = Uint32Array.of(3, 1);
    const broken = new DivergedError({ epoch: 1, step: 2, loss: Number.NaN, indices });
    expect(broken).toBeInstanceOf(FoveaError);
    expect(broken).toMatchObject({
      name: "DivergedError",
      code: "DIVERGED",
      message: "The loss became NaN in epoch 1, step 2.",
      hint: "Try a lower learning rate.",
      epoch: 1,
      step: 2,
      loss: Number.NaN,
      indices,
    });
    expect(new DivergedError({ epoch: 3, step: 40, loss: 12.345, indices, mean: 1.525 }).message).toBe(
      "The loss rose to 12.3 in epoch 3, step 40, 8.1 times the mean before.",
    );
    expect(new DivergedError({ epoch: 3, step: 40, loss: Number.POSITIVE_INFINITY, indices, mean: 1 }).message).toBe(
      "The loss became Infinity in epoch 3, step 40.",
    );
  });
});

describe("saveBatch", () => {
  const set = twoColors(20, "train");
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fovea-batch-"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  async function firstOf(options: Parameters<typeof loaderOf>[1]): Promise<Batch> {
    for await (const batch of loaderOf(set, { batchSize: 3, sampler: { name: "shuffle" }, ...options }).epoch(0)) {
      return batch;
    }
    throw new Error("no batch");
  }

  function numbersOf(
    name: string,
    inFolder = folder,
  ): { dtype: string | undefined; shape: readonly number[]; numbers: number[] } {
    const {
      dtype,
      shape = [],
      data = new Uint8Array(),
    } = readSafetensors(join(inFolder, "batch.safetensors")).tensors.get(name) ?? {};
    const { buffer } = Uint8Array.from(data);
    const numbers = Array.from<number | bigint>(
      dtype === "int64" ? new BigInt64Array(buffer) : new Float32Array(buffer),
    );
    return { dtype, shape, numbers: numbers.map(Number) };
  }

  it("writes what went into the network, and what it was", async () => {
    const batch = await firstOf({ layout: "nhwc" });
    saveBatch(folder, { ...batch, loss: Number.NaN, epoch: 2, step: 7 }, set.names);
    expect(numbersOf("images")).toEqual({ dtype: "float32", shape: [3, 8, 8, 3], numbers: [...batch.images] });
    expect(numbersOf("labels")).toEqual({ dtype: "int64", shape: [3], numbers: Array.from(batch.labels, Number) });
    expect(numbersOf("indices")).toEqual({ dtype: "int64", shape: [3], numbers: [...batch.indices] });
    expect([...readSafetensors(join(folder, "batch.safetensors")).tensors.keys()]).toHaveLength(3);
    expect(JSON.parse(readFileSync(join(folder, "batch.json"), "utf8"))).toEqual({
      epoch: 2,
      step: 7,
      loss: "NaN",
      names: Array.from(batch.indices, (index) => `train/${index}`),
      labels: Array.from(batch.indices, (index) => index % 2),
    });
  });

  it("writes the targets of a mixed batch, and makes the folder", async () => {
    const batch = await firstOf({ mix: parseMix({ mixup: 1 }) });
    const inner = join(folder, "a", "b");
    saveBatch(inner, { ...batch, loss: 12.5, epoch: 1, step: 1 }, set.names);
    const { targets = [] } = batch;
    expect(numbersOf("targets", inner)).toEqual({ dtype: "float32", shape: [3, 2], numbers: [...targets] });
    expect(targets).toHaveLength(6);
    expect(JSON.parse(readFileSync(join(inner, "batch.json"), "utf8"))).toMatchObject({ loss: 12.5 });
  });
});
