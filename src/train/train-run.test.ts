import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { someSettings } from "../../test/support/tiny.js";
import { type Dataset, imageOf } from "../data/index.js";
import { CrossEntropyLoss } from "../nn/index.js";
import { requireDevice } from "./device.js";
import { recipeSchema } from "./recipe.js";
import { Run } from "./run.js";
import type { RunSettings } from "./settings.js";
import { evaluationLoader, loadData, loadValidation, trainRun } from "./train-run.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-train-run-"));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `count` images of 10x10 pixels in each class, each of its own colour. */
async function makeImages(root: string, classes: readonly string[], count: number): Promise<void> {
  for (const [label, name] of classes.entries()) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const background = { r: 80 * label, g: 10 * i, b: 100 };
      await sharp({ create: { width: 10, height: 10, channels: 3, background } }).toFile(join(root, name, `${i}.png`));
    }
  }
}

function folderSettings(path: string): RunSettings {
  return someSettings({
    data: { source: "folder", path, validationFraction: 0.4, splitSeed: 3, onUnreadable: "stop" },
    classes: ["a", "b"],
  });
}

function pixelsOf(set: Dataset): Promise<Uint8Array[]> {
  return Promise.all([...set.labels.keys()].map(async (index) => (await imageOf(set, index)).pixels));
}

/** Every file below a folder, with a hash of what it holds. */
function contents(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((file) => {
      const path = join(file.parentPath, file.name);
      return [path, createHash("sha256").update(readFileSync(path)).digest("hex")];
    }),
  );
}

describe("loadValidation", () => {
  it("gives the validation images of loadData: synthetic ones", async () => {
    const settings = someSettings();
    const { images, skipped } = await loadValidation(settings);
    const { validation } = await loadData(settings.data);
    expect(images).toEqual(validation);
    expect(skipped).toEqual([]);
  });

  it("… of a folder with both parts, of which it reads only one", async () => {
    const root = join(folder, "parts");
    await makeImages(join(root, "train"), ["a", "b"], 2);
    await makeImages(join(root, "validation"), ["a", "b"], 3);
    const settings = folderSettings(root);
    const { validation } = await loadData(settings.data);
    writeFileSync(join(root, "train", "a", "0.png"), "not an image");
    const { images } = await loadValidation(settings);
    expect(await pixelsOf(images)).toEqual(await pixelsOf(validation));
    expect([...images.labels]).toEqual([...validation.labels]);
    expect(images.classes).toEqual(["a", "b"]);
    await expect(loadData(settings.data)).rejects.toThrow(/train\/a\/0\.png/);
  });

  it("… of a folder of which a part is held out, by the run's seed", async () => {
    const root = join(folder, "whole");
    await makeImages(root, ["a", "b"], 5);
    const settings = folderSettings(root);
    const { validation } = await loadData(settings.data);
    expect(validation.size).toBe(4);
    expect((await loadValidation(settings)).images.names).toEqual(validation.names);

    const [name = ""] = validation.names;
    const whole = readFileSync(join(root, name));
    writeFileSync(join(root, name), "not an image");
    await expect(loadValidation(settings)).rejects.toThrow(name);
    const { skipped } = await loadValidation(settings, { onUnreadable: "skip" });
    expect(skipped.map(({ path }) => path)).toEqual([name]);
    writeFileSync(join(root, name), whole);
  });

  it("refuses a folder whose classes are no longer the run's", async () => {
    const root = join(folder, "renamed");
    cpSync(join(folder, "whole"), root, { recursive: true });
    renameSync(join(root, "a"), join(root, "z"));
    await expect(loadValidation(folderSettings(root))).rejects.toThrow(
      `${root}: its classes, b, z, are no longer those of the run, a, b`,
    );
  });
});

describe("trainRun", () => {
  it("leaves the same records and weights for the same settings", async () => {
    const settings = someSettings();
    const data = await loadData(settings.data);
    const outcomes: unknown[] = [];
    for (const name of ["one", "two"]) {
      const run = Run.create(join(folder, name), settings);
      const { records, interrupted, model } = await trainRun(run, data);
      expect([records.length, interrupted]).toEqual([2, false]);
      expect(evaluationLoader(data.validation, settings).batches).toBe(2);
      outcomes.push([
        records.map(({ train, validation, learningRate }) => ({ train, validation, learningRate })),
        readFileSync(run.weightsPath("last")).toString("base64"),
      ]);
      expect([...model.parameters()].length).toBeGreaterThan(0);
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it("takes a set that is smaller than one batch as a whole, and AdamW and every schedule", async () => {
    for (const name of ["constant", "cosine", "oneCycle"] as const) {
      const settings = someSettings({
        schedule: recipeSchema.shape.schedule.parse({ name }),
        epochs: 1,
        batchSize: 50,
        loss: { labelSmoothing: 0, classWeights: "none", l1: 0 },
        optimizer: recipeSchema.shape.optimizer.parse({ name: "adamw", lr: 1e-3 }),
      });
      const data = await loadData(settings.data);
      const steps: number[] = [];
      const { records } = await trainRun(Run.create(join(folder, name), settings), data, {
        callbacks: [{ onTrainBatchEnd: ({ images }) => void steps.push(images) }],
      });
      expect(steps).toEqual([12]);
      // One step: the course begins there.
      expect(records[0]?.learningRate).toBeCloseTo(name === "oneCycle" ? 1e-3 / 25 : 1e-3, 12);
    }
  });

  it("leaves what was saved as it was when training diverges", async () => {
    const settings = someSettings({ epochs: 3, schedule: { name: "constant", perEpoch: false } });
    const data = await loadData(settings.data);
    const run = Run.create(join(folder, "diverged"), settings);
    let before = new Map<string, string>();
    const training = trainRun(run, data, {
      callbacks: [
        {
          onTrainEpochStart: (epoch) => {
            if (epoch === 1) return;
            before = contents(run.path);
            // A loss beyond all numbers has the effect of a learning rate without measure.
            const { forward } = CrossEntropyLoss.prototype;
            vi.spyOn(CrossEntropyLoss.prototype, "forward").mockImplementation(function (this: CrossEntropyLoss, x, y) {
              return forward.call(this, x, y).mul(Number.POSITIVE_INFINITY);
            });
          },
        },
      ],
    });
    await expect(training).rejects.toMatchObject({ code: "DIVERGED" });
    expect(before.size).toBe(7);
    const after = contents(run.path);
    for (const file of ["batch.json", "batch.safetensors"]) expect(after.delete(run.file("diverged", file))).toBe(true);
    expect(after).toEqual(before);
    expect(Run.open(run.path).loadModel("last").training).toBe(false);
  });

  it("saves what was learnt when the signal comes in mid-epoch", async () => {
    const settings = someSettings();
    const data = await loadData(settings.data);
    const run = Run.create(join(folder, "stopped"), settings);
    const controller = new AbortController();
    const { records, interrupted, model } = await trainRun(run, data, {
      callbacks: [{ onTrainBatchEnd: ({ step }) => void (step === 2 && controller.abort()) }],
      signal: controller.signal,
    });
    expect([records.length, interrupted]).toEqual([0, true]);
    const [[name, value] = ["", undefined]] = model.stateDict();
    expect(value?.data()).toEqual(run.loadModel("last").stateDict().get(name)?.data());
  });
});

describe("requireDevice", () => {
  it("knows the devices of this machine and no others", () => {
    expect(requireDevice("cpu").name).toBe("cpu");
    for (const name of ["cuda:77", "gpu", ""]) {
      expect(() => requireDevice(name)).toThrow(
        expect.objectContaining({
          code: "DEVICE",
          message: expect.stringContaining(`There is no device "${name}". This machine has`),
        }),
      );
    }
  });
});
