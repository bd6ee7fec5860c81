import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { someSettings } from "../../test/support/tiny.js";
import { FileError, FoveaError } from "../errors.js";
import { createModel } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { device, memory } from "../tensor/torch/index.js";
import { loadWeights, saveWeights } from "../weights/index.js";
import type { EpochRecord } from "./epoch.js";
import type { Evaluation } from "./evaluate.js";
import { ConfusionMatrix } from "./metrics.js";
import { readRecords } from "./records.js";
import { Run } from "./run.js";

let folder = "";
let path = "";
let runs = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-run-"));
});
beforeEach(() => {
  path = join(folder, "runs", String(++runs));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = someSettings();
const evaluation: Evaluation = {
  loss: 1,
  matrix: new ConfusionMatrix(["a"]),
  probabilities: new Float32Array(0),
  indices: new Uint32Array(0),
};

function record(epoch: number, balancedAccuracy: number): EpochRecord {
  const validation = { loss: 1, accuracy: 0.5, balancedAccuracy };
  return { epoch, train: { loss: 1, accuracy: 0.5 }, validation, learningRate: 0.1, seconds: 1, imagesPerSecond: 1 };
}

function values(model: Module): Map<string, number[]> {
  return new Map([...model.stateDict()].map(([name, value]) => [name, Array.from(value.data(), Number)]));
}

describe("Run.create and Run.open", () => {
  it("makes a folder with the settings, that opens again", () => {
    const run = Run.create(path, settings);
    expect(readdirSync(path)).toEqual(["recipe.yaml"]);
    expect(run.file("a", "b")).toBe(join(path, "a", "b"));
    expect(Run.open(path).settings).toEqual(settings);
  });

  it("overwrites nothing", () => {
    Run.create(path, settings);
    const before = readFileSync(join(path, "recipe.yaml"), "utf8");
    expect(() => Run.create(path, someSettings({ epochs: 9 }))).toThrow(
      expect.objectContaining({ code: "RUN_EXISTS", message: `There is a run in ${path} already.` }),
    );
    expect(readFileSync(join(path, "recipe.yaml"), "utf8")).toBe(before);
    // Not an empty folder either.
    mkdirSync(`${path}-empty`);
    expect(() => Run.create(`${path}-empty`, settings)).toThrow(FoveaError);
  });

  it("says what cannot be made, and leaves no folder where the settings cannot be written", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => Run.create(join(folder, "file", "run"), settings)).toThrow(FileError);
    expect(() => Run.create(join(folder, "file", "run"), settings)).toThrow(/file\/run: could not be made \(/);
    // A path that is just short enough for a folder is too long for the files in it.
    let deep = join(folder, "deep");
    while (deep.length < 3800) deep = join(deep, "x".repeat(200));
    deep = join(deep, "y".repeat(4090 - deep.length - 1));
    expect(() => Run.create(deep, settings)).toThrow(/ENAMETOOLONG/);
    expect(existsSync(deep)).toBe(false);
  });

  it("does not open what is no run", () => {
    expect(() => Run.open(join(folder, "nowhere"))).toThrow(
      /nowhere: is not the folder of a run: it has no recipe\.yaml/,
    );
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "recipe.yaml"), "version: 2\n");
    expect(() => Run.open(path)).toThrow(/recipe\.yaml: these are not the settings of a run: model: /);
  });
});

describe("Run.loadModel", () => {
  it("gives back the network that was saved, in evaluation mode", () => {
    const run = Run.create(path, settings);
    const model = run.createModel().materialize(device(), 77);
    run.saveWeights("best", model, 5);
    const before = memory().tensors;
    const loaded = Run.open(path).loadModel();
    expect(values(loaded)).toEqual(values(model));
    expect(loaded.training).toBe(false);
    const [, parameter] = [...loaded.parameters()][0] ?? [];
    expect(parameter?.value.requiresGrad).toBe(true);
    expect(memory().tensors - before).toBe(loaded.stateDict().size);
    expect(loadWeights(run.weightsPath("best")).metadata).toEqual({
      model: "cifar_resnet20",
      classes: '["tumor","stromal","til"]',
      epoch: "5",
    });
  });

  it("names what is missing, damaged, or another network's", () => {
    const run = Run.create(path, settings);
    expect(() => run.loadModel()).toThrow(/the run has no best weights/);
    expect(() => run.loadModel("last")).toThrow(/the run has no last weights/);
    expect(() => run.loadModel("best", "cuda:77")).toThrow(expect.objectContaining({ code: "DEVICE" }));

    run.saveWeights("best", run.createModel().materialize(device(), 1), 1);
    const file = run.weightsPath("best");
    const bytes = readFileSync(file);
    for (const length of [0, 7, 100, bytes.length - 1]) {
      writeFileSync(file, bytes.subarray(0, length));
      expect(() => run.loadModel()).toThrow(FileError);
      expect(() => run.loadModel()).toThrow(file);
    }

    const before = memory().tensors;
    saveWeights(file, createModel("cifar_resnet20", { classes: 10 }).materialize(device(), 1));
    expect(() => run.loadModel()).toThrow(FileError);
    expect(() => run.loadModel()).toThrow(/output_net\.2\.weight \(weights \[10, 64\], network \[3, 64\]\)/);
    // The 116 tensors of the file were freed at once; those of the network above went with it, or will.
    expect(memory().tensors - before).toBeLessThanOrEqual(130);
    saveWeights(file, createModel("nuclei_basic").materialize(device(), 1));
    expect(() => run.loadModel()).toThrow(/missing: .*input_net/);
  });
});

describe("Run.recorder", () => {
  async function finish(run: Run, model: Module, scores: readonly number[], stepsAfter: number): Promise<void> {
    const recorder = run.recorder(model);
    const records = scores.map((score, i) => record(i + 1, score));
    const step = { epoch: 1, step: 1, steps: 1, loss: 1, accuracy: 1, learningRate: 1, images: 1, imagesPerSecond: 1 };
    for (const done of records) {
      await recorder.onStep?.(step);
      await recorder.onEpochEnd?.(done, evaluation);
    }
    for (let i = 0; i < stepsAfter; i++) await recorder.onStep?.(step);
    await recorder.onFitEnd?.(records);
  }
  const epochOf = (run: Run, which: "best" | "last") => loadWeights(run.weightsPath(which)).metadata.epoch;

  it("keeps every record, the last weights, and the best", async () => {
    const run = Run.create(path, settings);
    await finish(run, run.createModel().materialize(device(), 1), [0.4, 0.6, 0.6, 0.5], 0);
    expect(readRecords(run.file("metrics.jsonl")).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect([epochOf(run, "best"), epochOf(run, "last")]).toEqual(["2", "4"]);
  });

  it("writes the last weights once more only for what came after the last epoch", async () => {
    const run = Run.create(path, settings);
    const model = run.createModel().materialize(device(), 1);
    const recorder = run.recorder(model);
    await recorder.onEpochEnd?.(record(1, 0.5), evaluation);
    rmSync(run.weightsPath("last"));
    await recorder.onFitEnd?.([record(1, 0.5)]);
    expect(existsSync(run.weightsPath("last"))).toBe(false);

    const interrupted = Run.create(`${path}-interrupted`, settings);
    await finish(interrupted, model, [0.5], 1);
    expect(epochOf(interrupted, "last")).toBe("1");
    const early = Run.create(`${path}-early`, settings);
    await finish(early, model, [], 0);
    expect(epochOf(early, "last")).toBe("0");
    expect(existsSync(early.weightsPath("best"))).toBe(false);
  });
});
