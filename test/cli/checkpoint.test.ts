import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { createModel } from "../../src/models/index.js";
import { device } from "../../src/tensor/torch/index.js";
import { modelFromCheckpoint, readCheckpoint, saveWeights } from "../../src/weights/index.js";
import { fail, fovea, succeed, temporaryFolder } from "./fovea.js";

const shared = fileURLToPath(new URL("../../../shared/data", import.meta.url));
const work = temporaryFolder();
afterAll(work.remove);

describe("fovea evaluate --checkpoint", () => {
  it("takes an image folder with test/, and a PyTorch file of weights alone with --model", async () => {
    for (const name of ["cat", "dog"]) {
      for (const part of ["test", "validation"]) {
        const folder = join(work.path, "photos", part, name);
        mkdirSync(folder, { recursive: true });
        for (let i = 0; i < (part === "test" ? 2 : 5); i++) {
          const background = name === "cat" ? "red" : "blue";
          await sharp({ create: { width: 20, height: 24, channels: 3, background } })
            .png()
            .toFile(join(folder, `${i}.png`));
        }
      }
    }
    const network = createModel("cifar_resnet20", { classes: 2 }).materialize(device(), 1);
    saveWeights(join(work.path, "weights.pt"), network);
    const args = ["evaluate", "--checkpoint", "weights.pt", "--data", "photos", "--json"];
    const result = JSON.parse(await succeed([...args, "--model", "cifar_resnet20"], work.path));
    expect(result).toEqual(expect.objectContaining({ model: "cifar_resnet20", checkpoint: "weights.pt" }));
    expect(JSON.stringify(result)).toContain('"support":2');
    expect(JSON.stringify(result)).not.toContain('"support":5');
    expect(await fail(args, work.path)).toContain("does not tell its network");
  });

  it("takes the classes in the order that the file names them", async () => {
    const network = createModel("cifar_resnet20", { classes: 2 }).materialize(device(), 1);
    const args = ["evaluate", "--checkpoint", "named.safetensors", "--json", "--data", "photos"];
    const facts = async (classes: string[]) => {
      saveWeights(join(work.path, "named.safetensors"), network, {
        model: "cifar_resnet20",
        classes: JSON.stringify(classes),
      });
      return JSON.parse(await succeed(args, work.path));
    };
    const [alphabetical, turned] = [await facts(["cat", "dog"]), await facts(["dog", "cat"])];
    expect([alphabetical.classes, turned.classes]).toEqual([
      ["cat", "dog"],
      ["dog", "cat"],
    ]);
    // The same outputs now stand for the other class each.
    expect(turned.accuracy).toBeCloseTo(1 - alphabetical.accuracy);
    saveWeights(join(work.path, "named.safetensors"), network, { model: "cifar_resnet20", classes: '["cat","hen"]' });
    expect(await fail(args, work.path)).toContain("lacks hen and has dog besides");
  });

  it("tells the top-5 accuracy of more than five classes, and of how many a mean is", async () => {
    const shades = ["a", "b", "c", "d", "e", "f"];
    for (const [i, name] of shades.entries()) {
      mkdirSync(join(work.path, "shades", name), { recursive: true });
      const png = await sharp({ create: { width: 32, height: 32, channels: 3, background: `rgb(${40 * i},90,90)` } })
        .png()
        .toBuffer();
      for (const copy of [0, 1]) writeFileSync(join(work.path, "shades", name, `${copy}.png`), png);
    }
    saveWeights(
      join(work.path, "six.safetensors"),
      createModel("cifar_resnet20", { classes: 6 }).materialize(device(), 1),
      { model: "cifar_resnet20", classes: JSON.stringify(shades) },
    );
    const args = ["evaluate", "--checkpoint", "six.safetensors", "--data", "shades"];
    const { top5Accuracy, accuracy } = JSON.parse(await succeed([...args, "--json"], work.path));
    expect(top5Accuracy).toBeGreaterThan(accuracy);
    const text = await succeed(args, work.path);
    expect(text).toContain(`\nTop-5 accuracy      ${(100 * top5Accuracy).toFixed(2)} %\nROC-AUC, macro      0.`);
    expect(text).not.toContain("classes that occur)");

    // None of a class can be read.
    for (const copy of [0, 1]) writeFileSync(join(work.path, "shades", "f", `${copy}.png`), "no picture");
    const without = await fovea([...args, "--skip-unreadable"], work.path);
    expect(without.stdout).toMatch(/\nROC-AUC, macro {6}0\.\d{4} \(of the 5 classes that occur\)\n/);
    const { stdout } = await fovea([...args, "--skip-unreadable", "--json"], work.path);
    expect(JSON.parse(stdout).perClass[5]).toMatchObject({
      name: "f",
      support: 0,
      rocAuc: null,
      averagePrecision: null,
    });
  });

  it("needs to know how images are normalised, and images of three channels", async () => {
    const evaluate = (name: string) => {
      saveWeights(join(work.path, "own.pt"), createModel(name).materialize(device()));
      return fail(["evaluate", "--checkpoint", "own.pt", "--model", name, "--data", "photos"], work.path);
    };
    expect(await evaluate("nuclei_basic")).toContain("is of nuclei_basic, which has no normalisation of its own");
    expect(await evaluate("mlp_fashion")).toContain("is of mlp_fashion, which takes images of 1 channels");
  });

  it("says what is missing or too much", async () => {
    const usage = async (...args: string[]) => fail(["evaluate", ...args], work.path, 2);
    expect(await usage()).toContain("name a run's folder, or give --checkpoint and --data");
    expect(await usage("--checkpoint", "a.pt")).toContain("--checkpoint needs --data");
    expect(await usage("run", "--checkpoint", "a.pt", "--data", "b")).toContain(
      "either a run's folder or --checkpoint",
    );
    expect(await usage("run", "--model", "b")).toContain("belong to --checkpoint");
    expect(await usage("--checkpoint", "a.pt", "--data", "b", "--weights", "last")).toContain(
      "--weights belongs to a run",
    );
    expect(await usage("run", "--calibration", "a.pdf")).toContain("It must end in .svg or .png.");
  });

  it("refuses a file that is no checkpoint, and data that is none", async () => {
    writeFileSync(join(work.path, "broken.ckpt"), "no weights");
    const broken = await fail(["evaluate", "--checkpoint", "broken.ckpt", "--data", "photos"], work.path);
    expect(broken).toContain("broken.ckpt");
    const args = ["evaluate", "--checkpoint", "weights.pt", "--model", "cifar_resnet20", "--data"];
    expect(await fail([...args, "nowhere"], work.path)).toContain("nowhere");
  });
});

const checkpoints = join(shared, "uva-checkpoints");

describe.skipIf(!existsSync(checkpoints))(
  "the UvA tutorial's checkpoints (skipped where the data is not there)",
  () => {
    it.each([
      ["GoogleNet", "89.70 %", "cifar_googlenet"],
      ["ResNet", "91.06 %", "cifar_resnet20"],
    ])(
      "%s gives the published accuracy on CIFAR-10's test set, and is the same when saved again",
      async (name, accuracy, network) => {
        const data = join(shared, "cifar10");
        const original = join(checkpoints, `${name}.ckpt`);
        const text = await succeed(["evaluate", "--checkpoint", original, "--data", data], work.path);
        expect(text).toContain(`Accuracy            ${accuracy}\n`);
        await succeed(["convert", original, `${name}.safetensors`], work.path);
        // The same network of the same weights: measuring it again would take as long again.
        const saved = join(work.path, `${name}.safetensors`);
        expect(readCheckpoint(saved).tensors).toEqual(readCheckpoint(original).tensors);
        expect(modelFromCheckpoint(saved).entry.name).toBe(network);
      },
      300_000,
    );
  },
);
