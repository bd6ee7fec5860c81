import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { datasetStatistics, findPreset, type ImageSet, syntheticNuclei } from "../../src/data/index.js";
import { Run, readRecords } from "../../src/train/index.js";
import { loadWeights } from "../../src/weights/index.js";
import { filesBelow, succeed, temporaryFolder } from "./fovea.js";

const small = ["--size", "32", "--train-images", "90", "--validation-images", "31", "--batch-size", "16"];

const Metrics = z.object({
  run: z.string(),
  weights: z.enum(["best", "last"]),
  loss: z.number().positive(),
  total: z.int(),
  accuracy: z.number().min(0).max(1),
  balancedAccuracy: z.number().min(0).max(1),
  classes: z.array(z.string()),
  counts: z.array(z.array(z.int())),
  perClass: z.array(z.object({ name: z.string(), precision: z.number(), recall: z.number(), f1: z.number() })),
  top5Accuracy: z.null(),
  macro: z.object({ rocAuc: z.number().min(0).max(1), averagePrecision: z.number().min(0).max(1) }),
  negativeLogLikelihood: z.number().positive(),
  brierScore: z.number().min(0).max(2),
  calibration: z.object({
    expectedError: z.number().min(0).max(1),
    maximumError: z.number().min(0).max(1),
    bins: z.array(z.object({ count: z.int(), confidence: z.number().nullable(), accuracy: z.number().nullable() })),
  }),
  skipped: z.array(z.unknown()),
});
const Predictions = z.array(
  z.object({ path: z.string(), predicted: z.string(), probabilities: z.record(z.string(), z.number().min(0).max(1)) }),
);

const work = temporaryFolder();
const runFolder = join(work.path, "runs", "first");
let said = "";

beforeAll(async () => {
  said = await succeed(["train", "--epochs", "2", "--name", "first", "--seed", "7", ...small], work.path);
  // The images as files, for `predict` and for `evaluate` on a folder.
  const set = syntheticNuclei({ count: 31, size: 32, seed: 7, start: 90 });
  await writeImages(set, join(work.path, "images"));
}, 120_000);
afterAll(work.remove);

async function writeImages(set: ImageSet, root: string): Promise<void> {
  for (const [i, label] of set.labels.entries()) {
    const folder = join(root, set.classes[label] ?? "");
    mkdirSync(folder, { recursive: true });
    const { width, height, pixels } = set.image(i);
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(folder, `${i}.png`));
  }
}

describe("fovea train", () => {
  it("leaves a run folder with everything in it, and nothing besides", () => {
    const checkpoint = ["SHA256SUMS", "training.json", "training.safetensors", "weights.safetensors"];
    expect(filesBelow(runFolder).map((file) => file.replace(/^(events\.out\.tfevents)\..*/, "$1"))).toEqual([
      "checkpoints/best/weights.safetensors",
      ...checkpoint.map((file) => `checkpoints/last/${file}`),
      ...checkpoint.map((file) => `checkpoints/previous/${file}`),
      "confusion.png",
      "confusion.svg",
      "curves.png",
      "curves.svg",
      "environment.json",
      "events.out.tfevents",
      "metrics.csv",
      "metrics.jsonl",
      "predictions.png",
      "recipe.yaml",
      "report.html",
    ]);
    expect(filesBelow(join(work.path, "runs"))).toHaveLength(filesBelow(runFolder).length);
  });

  it("writes its settings, resolved", async () => {
    const { settings } = Run.open(runFolder);
    expect(settings).toMatchObject({
      version: 3,
      model: { name: "nuclei_basic" },
      data: { source: "synthetic", train: 90, validation: 31, size: 32, seed: 7 },
      classes: ["tumor", "stromal", "til"],
      sampler: { name: "shuffle" },
      epochs: 2,
      batchSize: 16,
      optimizer: { name: "adamw", lr: 3e-3, weightDecay: 0.05 },
      schedule: { name: "oneCycle" },
      loss: { labelSmoothing: 0.1, classWeights: "balanced" },
      seed: 7,
      device: "cpu",
    });
    const statistics = await datasetStatistics(syntheticNuclei({ count: 90, size: 32, seed: 7 }));
    const preset = findPreset("nuclei");
    expect(settings.transforms).toEqual({
      train: preset.train(32, statistics),
      evaluation: preset.evaluation(32, statistics),
    });
  });

  it("writes a record of every epoch, and says the same", () => {
    const records = readRecords(join(runFolder, "metrics.jsonl"));
    expect(records.map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const { epoch, train, validation, seconds, imagesPerSecond } of records) {
      expect(train.loss).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(0);
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(said).toContain(`\nepoch ${epoch}/2 | train loss ${train.loss.toFixed(4)} acc `);
      expect(said).toContain(` | validation loss ${validation.loss.toFixed(4)} acc `);
    }
    // The last rate of one cycle: the peak / 25 / 10,000.
    expect(records[1]?.learningRate).toBeCloseTo(3e-3 / 25 / 1e4, 12);
  });

  it("saves weights that load, with what they belong to", () => {
    for (const which of ["best", "last"] as const) {
      const path = join(runFolder, "checkpoints", which, "weights.safetensors");
      const { metadata } = loadWeights(path);
      expect(metadata).toMatchObject({ model: "nuclei_basic", classes: '["tumor","stromal","til"]' });
      if (which === "last") expect(metadata.epoch).toBe("2");
      expect(Run.open(runFolder).loadModel(which).parameterCount()).toBe(492_681);
    }
  });

  it("draws curves, confusion matrix and predictions", async () => {
    for (const name of ["curves", "confusion"]) {
      const svg = readFileSync(join(runFolder, `${name}.svg`), "utf8");
      expect(svg).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
      const [drawn, png] = await Promise.all([
        sharp(Buffer.from(svg)).metadata(),
        sharp(join(runFolder, `${name}.png`)).metadata(),
      ]);
      expect(png.width).toBeGreaterThan(drawn.width);
    }
    expect(readFileSync(join(runFolder, "curves.svg"), "utf8")).toContain("Accuracy");
    expect(readFileSync(join(runFolder, "confusion.svg"), "utf8")).toContain("stromal");
    expect((await sharp(join(runFolder, "predictions.png")).metadata()).width).toBeGreaterThan(500);
  });

  it("prints plain lines into a pipe: the layers, the counts, and where everything lies", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(said).not.toMatch(/[\u001b\r\b]/);
    expect(said).toContain("Parameters                              492,681\n");
    expect(said).toContain("Classes        tumor (30), stromal (30), til (30)\n");
    expect(said).toContain("Images         90 to train on, 31 to validate on, 32x32\n");
    for (const name of ["report.html", "curves.png", "predictions.png", "checkpoints/best/weights.safetensors"]) {
      expect(said).toContain(` runs/first/${name}\n`);
    }
    expect(said).toMatch(/\nTrained 2 epochs in \d+s\.\n$/);
  });

  it("gives the same numbers and weights for the same seed, under the next free name", async () => {
    const same = ["train", "--epochs", "2", "--seed", "7", ...small];
    await succeed(same, work.path);
    const numbers = (name: string) =>
      readRecords(join(work.path, "runs", name, "metrics.jsonl")).map(({ epoch, train, validation, learningRate }) => {
        return { epoch, train, validation, learningRate };
      });
    const bytes = (name: string, path: string) =>
      createHash("sha256")
        .update(readFileSync(join(work.path, "runs", name, path)))
        .digest("hex");
    expect(numbers("nuclei_basic-1")).toEqual(numbers("first"));
    for (const path of ["checkpoints/last/weights.safetensors", "recipe.yaml", "predictions.png", "curves.svg"]) {
      expect(bytes("nuclei_basic-1", path)).toBe(bytes("first", path));
    }
  });

  it("takes another network, optimiser and schedule, without augmentation", async () => {
    const args = "--model cifar_resnet20 --optimizer sgd --schedule cosine --no-augment --lr 0.05 --class-weights none";
    await succeed(["train", "--epochs", "1", "--name", "other", ...args.split(" "), ...small], work.path);
    const { settings } = Run.open(join(work.path, "runs", "other"));
    expect(settings.optimizer).toMatchObject({ name: "sgd", lr: 0.05, weightDecay: 1e-4, momentum: 0.9 });
    expect(settings.transforms.train).toEqual(settings.transforms.evaluation);
    expect(settings.loss.classWeights).toBe("none");
  });
});

describe("fovea evaluate", () => {
  it("measures the best weights on the run's own validation images", async () => {
    const found = Metrics.parse(JSON.parse(await succeed(["evaluate", "runs/first", "--json"], work.path)));
    const records = readRecords(join(runFolder, "metrics.jsonl"));
    const epoch = Number(loadWeights(join(runFolder, "checkpoints", "best", "weights.safetensors")).metadata.epoch);
    const best = records[epoch - 1];
    expect(found.loss).toBeCloseTo(best?.validation.loss ?? 0, 6);
    expect(found.accuracy).toBe(best?.validation.accuracy);
    expect(found.balancedAccuracy).toBe(best?.validation.balancedAccuracy);
    expect(found.total).toBe(31);
    expect(found.counts.flat().reduce((a, b) => a + b)).toBe(31);
    // The same mean, once of logarithms and once of rounded probabilities; and every image is in a bin.
    expect(found.negativeLogLikelihood).toBeCloseTo(found.loss, 5);
    expect(found.calibration.bins.reduce((sum, { count }) => sum + count, 0)).toBe(31);
    const right = found.calibration.bins.reduce((sum, bin) => sum + bin.count * (bin.accuracy ?? 0), 0);
    expect(right / 31).toBeCloseTo(found.accuracy, 12);
  });

  it("gives the same for the same images in a folder, whose classes stand in another order", async () => {
    const own = Metrics.parse(JSON.parse(await succeed(["evaluate", "runs/first", "--json"], work.path)));
    const folder = Metrics.parse(JSON.parse(await succeed(["evaluate", "runs/first", "images", "--json"], work.path)));
    expect(folder.counts).toEqual(own.counts);
    expect(folder.loss).toBeCloseTo(own.loss, 6);
    expect(folder.classes).toEqual(["tumor", "stromal", "til"]);
  });

  it("prints loss, accuracy, calibration, the classes and the confusion matrix", async () => {
    const text = await succeed(["evaluate", "runs/first", "images", "--weights", "last"], work.path);
    expect(text).toMatch(
      /^Images {14}31\nLoss {16}\d+\.\d{4}\nAccuracy {12}\d+\.\d\d %\nBalanced accuracy {3}\d+\.\d %\nROC-AUC, macro {6}[01]\.\d{4}\nCalibration \(ECE\) {3}\d+\.\d\d %\n\n/,
    );
    expect(text).toMatch(/class +images +precision +recall +F1/);
    expect(text).toMatch(/true \\ predicted +tumor +stromal +til +recognised/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u001b\r]/);
  });

  it("draws a reliability diagram", async () => {
    const text = await succeed(["evaluate", "runs/first", "--calibration", "out/reliability.svg"], work.path);
    expect(text).toMatch(/\n\nThe reliability diagram is in out\/reliability\.svg\n$/);
    const [, error] = /^Calibration \(ECE\) +(.*)$/m.exec(text) ?? [];
    const svg = readFileSync(join(work.path, "out", "reliability.svg"), "utf8");
    expect(svg).toContain(`31 images, calibration error ${error}, at most `);
    await succeed(["evaluate", "runs/first", "--calibration", "out/reliability.png", "--json"], work.path);
    expect((await sharp(join(work.path, "out", "reliability.png")).metadata()).format).toBe("png");
  });
});

describe("fovea predict", () => {
  it("tells the probability of every class for files and folders, as JSON", async () => {
    const args = ["predict", "runs/first", "images/til/2.png", "images/tumor", "--json"];
    const found = Predictions.parse(JSON.parse(await succeed(args, work.path)));
    expect(found).toHaveLength(12);
    expect(found[0]?.path).toBe("images/til/2.png");
    expect(found[1]?.path).toBe("images/tumor/0.png");
    for (const { predicted, probabilities } of found) {
      expect(Object.keys(probabilities)).toEqual(["tumor", "stromal", "til"]);
      const values = Object.values(probabilities);
      expect(values.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(probabilities[predicted]).toBe(Math.max(...values));
    }
  });

  it("agrees with evaluate", async () => {
    const found = Predictions.parse(
      JSON.parse(await succeed(["predict", "runs/first", "images", "--json"], work.path)),
    );
    const { accuracy } = Metrics.parse(
      JSON.parse(await succeed(["evaluate", "runs/first", "images", "--json"], work.path)),
    );
    const right = found.filter(({ path, predicted }) => path.startsWith(`images/${predicted}/`)).length;
    expect(right / found.length).toBeCloseTo(accuracy, 12);
  });

  it("prints a table", async () => {
    const text = await succeed(["predict", "runs/first", "images/til"], work.path);
    const [head = "", , ...rows] = text.trimEnd().split("\n");
    expect(head).toMatch(/^Image +Predicted +tumor +stromal +til$/);
    expect(rows).toHaveLength(10);
    for (const row of rows) expect(row).toMatch(/^images\/til\/\d+\.png +(tumor|stromal|til) +(\d+\.\d % *){3}$/);
  });
});
