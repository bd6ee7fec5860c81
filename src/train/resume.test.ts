import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { someSettings } from "../../test/support/tiny.js";
import type { Module } from "../nn/index.js";
import type { StoredTensor } from "../tensor/index.js";
import { device, memory } from "../tensor/torch/index.js";
import { saveWeights } from "../weights/index.js";
import type { Callback } from "./callback.js";
import type { EpochRecord } from "./epoch.js";
import { recipeSchema } from "./recipe.js";
import { readRecords } from "./records.js";
import { Run } from "./run.js";
import type { RunSettings } from "./settings.js";
import { loadData, trainRun } from "./train-run.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-resume-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { optimizer, schedule, average, progressive } = recipeSchema.shape;
/** Three batches of four an epoch. */
const base = someSettings({ epochs: 4, model: { name: "nuclei_basic" } });

const variants: Record<string, Partial<RunSettings>> = {
  "momentum and dropout": {},
  "AdamW, an EMA of the weights and gradients bounded": {
    optimizer: optimizer.parse({ name: "adamw", lr: 1e-3 }),
    average: average.parse({ name: "ema", decay: 0.9 }),
    clip: { norm: 1 },
  },
  "RMSprop with warm-up, mixing, and two batches for an update": {
    optimizer: optimizer.parse({ name: "rmsprop", lr: 1e-3, momentum: 0.9, formulae: "tensorflow" }),
    schedule: schedule.parse({ name: "exponential", factor: 0.9, warmUp: { epochs: 1 } }),
    mix: { mixup: 0.2, cutmix: 1, probability: 1, switchProbability: 0.5 },
    accumulate: 2,
  },
  "a plateau, early stopping and stochastic weight averaging": {
    schedule: schedule.parse({ name: "plateau", patience: 0 }),
    average: average.parse({ name: "swa", from: 0.5, lr: 1e-3, anneal: 1 }),
    earlyStopping: { metric: "loss", patience: 3, minDelta: 0 },
  },
  "progressive learning": {
    progressive: progressive.parse({ stages: 2, size: [8, 16], dropout: [0.1, 0.5] }),
  },
};

/** Stops after a batch of an epoch, or in its validation. */
function stopAt(epoch: number, batch: number | "validation"): { callbacks: Callback[]; signal: AbortSignal } {
  const controller = new AbortController();
  const at: Callback =
    batch === "validation"
      ? { onValidationStart: (here) => void (here === epoch && controller.abort()) }
      : { onTrainBatchEnd: (here) => void (here.epoch === epoch && here.step === batch && controller.abort()) };
  return { callbacks: [at], signal: controller.signal };
}

function hashOf(tensor: StoredTensor): string {
  const { buffer, byteOffset, byteLength } = tensor.data();
  return createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");
}

function outcome(run: Run, { model, records }: { model: Module; records: readonly EpochRecord[] }): unknown {
  const numbers = (list: readonly EpochRecord[]) =>
    list.map(({ seconds: _, imagesPerSecond: __, ...record }) => record);
  const bits = ([name, value]: readonly [string, StoredTensor]) => [name, hashOf(value)] as const;
  const point = run.resumePoint();
  return {
    records: numbers(records),
    written: numbers(readRecords(run.file("metrics.jsonl"))),
    weights: [...model.stateDict()].map(bits),
    tensors: [...(point?.state.tensors ?? [])].map(bits),
    best: [...run.loadModel("best").stateDict()].map(bits),
    updates: point?.state.position.updates,
    callbacks: point?.state.position.callbacks,
  };
}

describe("a run that goes on", () => {
  it.each(Object.entries(variants))("comes to the same bits as one that never stopped: %s", async (name, changes) => {
    const settings = { ...base, ...changes };
    const data = await loadData(settings.data);
    const whole = Run.create(join(folder, name), settings);
    const expected = outcome(whole, await trainRun(whole, data));
    const parts = Run.create(join(folder, `${name}, in parts`), settings);
    const { interrupted } = await trainRun(parts, data, stopAt(1, 1));
    expect(interrupted).toBe(true);
    await trainRun(parts, data, { ...stopAt(2, "validation"), resume: true });
    await trainRun(parts, data, { ...stopAt(3, 3), resume: true });
    const before = memory().tensors;
    const last = await trainRun(parts, data, { resume: true });
    // The network's and what the optimiser keeps; nothing of the files.
    expect(memory().tensors - before).toBeLessThan(4 * last.model.stateDict().size);
    expect(outcome(parts, last)).toEqual(expected);
  });

  it("takes the checkpoint before where the newest is cut at any byte, and says so", async () => {
    const data = await loadData(base.data);
    const run = Run.create(join(folder, "cut"), base);
    const whole = await trainRun(run, data);
    const expected = outcome(run, whole);
    const weights = run.file("checkpoints", "last", "weights.safetensors");
    const bytes = readFileSync(weights);
    for (const length of [0, 9, bytes.length - 1]) {
      writeFileSync(weights, bytes.subarray(0, length));
      expect(run.position()?.epoch).toBe(3);
    }
    const told: string[] = [];
    const resumed = await trainRun(run, data, { resume: true, onPassedOver: (why) => told.push(why) });
    expect(told).toEqual([`${run.file("checkpoints", "last")}: weights.safetensors is damaged`]);
    expect(outcome(run, resumed)).toEqual(expected);
    for (const name of ["last", "previous"]) rmSync(run.file("checkpoints", name, "training.json"));
    expect(() => run.resumePoint()).toThrow(
      /checkpoints: no checkpoint is whole: .*last: training\.json could not be read/,
    );
  });

  it("needs the weights that it began with no more", async () => {
    const data = await loadData(base.data);
    const file = join(folder, "first.safetensors");
    const weights = { ...base, model: { ...base.model, weights: file } };
    const run = Run.create(join(folder, "began"), weights);
    saveWeights(file, run.createModel().materialize(device(), 5));
    const { interrupted } = await trainRun(run, data, stopAt(1, 1));
    expect(interrupted).toBe(true);
    rmSync(file);
    expect((await trainRun(run, data, { resume: true })).records).toHaveLength(4);
  });

  it("is refused before anything was kept", async () => {
    const run = Run.create(join(folder, "new"), base);
    const data = await loadData(base.data);
    await expect(trainRun(run, data, { resume: true })).rejects.toMatchObject({ code: "NOT_STARTED" });
  });
});
