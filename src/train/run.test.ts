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
    writeFileSync(join(path, "recipe.yaml"), "version: 3\n");
    expect(() => Run.open(path)).toThrow(/recipe\.yaml: model: is missing/);
  });
});

describe("Run.loadModel", () => {
  it("gives back the network that was saved, in evaluation mode", () => {
    const run = Run.create(path, settings);
    const model = run.createModel().materialize(device(), 77);
    run.saveWeights("best", model.stateDict(), 5);
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

    run.saveWeights("best", run.createModel().materialize(device(), 1).stateDict(), 1);
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
