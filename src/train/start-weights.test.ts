import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { someSettings } from "../../test/support/tiny.js";
import { createModel } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { device, memory } from "../tensor/torch/index.js";
import { loadWeights, saveWeights } from "../weights/index.js";
import type { RunSettings } from "./settings.js";
import { startModel } from "./start-weights.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-start-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Freed after each test: what the garbage collector frees in a later one would spoil its count of tensors. */
const made: Module[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.release();
});

async function start(settings: RunSettings): Promise<Module> {
  const model = await startModel(settings, device());
  made.push(model);
  return model;
}

function created(classes: number, seed: number): Module {
  const model = createModel("cifar_resnet20", { classes }).materialize(device(), seed);
  made.push(model);
  return model;
}

const valuesOf = (model: Module) =>
  new Map([...model.stateDict()].map(([name, value]) => [name, Array.from(value.data(), Number)]));

function settingsWith(weights: string | undefined): RunSettings {
  return someSettings({ model: { name: "cifar_resnet20", weights }, seed: 9 });
}

describe("the network that a training begins with", () => {
  it("is random by the seed, where nothing is said", async () => {
    const model = await start(settingsWith(undefined));
    expect(valuesOf(model)).toEqual(valuesOf(created(3, 9)));
  });

  it("has the weights of a file, and a head by the seed where the classes are others", async () => {
    const source = created(10, 1);
    const file = join(folder, "ten.safetensors");
    saveWeights(file, source);
    const before = memory().tensors;
    const model = await start(settingsWith(file));
    expect(memory().tensors - before).toBe(model.stateDict().size);
    const [own, given] = [valuesOf(model), valuesOf(source)];
    const head = valuesOf(created(3, 9));
    for (const [name, values] of own) {
      expect(values, name).toEqual((name.startsWith("output_net") ? head : given).get(name));
    }
  });

  it("is refused where the file is another network's, missing, or no name of published weights", async () => {
    const file = join(folder, "other.safetensors");
    saveWeights(file, createModel("nuclei_basic").materialize(device(), 1));
    await expect(startModel(settingsWith(file), device())).rejects.toThrow(/other\.safetensors: .*missing: input_net/s);
    await expect(startModel(settingsWith(join(folder, "none.pt")), device())).rejects.toMatchObject({
      code: "UNKNOWN_WEIGHTS",
    });
    await expect(startModel(settingsWith("published"), device())).rejects.toMatchObject({ code: "UNKNOWN_WEIGHTS" });
  });

  const uva = join(import.meta.dirname, "../../../shared/data/uva-checkpoints/ResNet.ckpt");
  it.skipIf(!existsSync(uva))("is PyTorch's checkpoint as it is (skipped without the real data)", async () => {
    const model = await start(settingsWith(uva));
    const { state } = loadWeights(uva);
    const [own] = [valuesOf(model)];
    for (const [name, value] of state) {
      if (!name.startsWith("output_net")) expect(own.get(name), name).toEqual(Array.from(value.data(), Number));
    }
  });
});
