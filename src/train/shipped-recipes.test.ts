import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { findPreset, outputSize } from "../data/index.js";
import { trace } from "../graph/index.js";
import { createModel, findModel } from "../models/index.js";
import { publishedWeights } from "../weights/index.js";
import type { Recipe } from "./recipe.js";
import { listRecipes, readRecipe } from "./recipe-file.js";

const recipes = listRecipes().map(({ name, description }) => ({ name, description, recipe: readRecipe(name) }));
const folder = mkdtempSync(join(tmpdir(), "fovea-shipped-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLASSES = { synthetic: 3, folder: 3, csv: 3, cifar10: 10, cifar100: 100, mnist: 10, fashion_mnist: 10 };

function networkOf({ model, data }: Recipe) {
  const { name, weights, ...options } = model;
  return createModel(name, { ...options, classes: CLASSES[data.source] });
}

/** Height and width in training, then in evaluation. */
function sizesOf({ model, size, transforms }: Recipe) {
  const own = size ?? findModel(model.name).inputSize;
  if (typeof transforms === "string") {
    const preset = findPreset(transforms);
    const normalization = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
    return [outputSize(preset.train(own, normalization)), outputSize(preset.evaluation(own, normalization))];
  }
  const { train, evaluation } = transforms;
  return [outputSize(train), outputSize(evaluation ?? train)];
}

/** The last epoch that a setting speaks of, by the setting. */
function lengthsOf({ schedule, progressive, finetune, average, earlyStopping }: Recipe): Record<string, number> {
  const warmUp = schedule.warmUp?.epochs ?? 0;
  const lengths: Record<string, number> = {
    warmUp,
    stages: progressive?.stages ?? 1,
    unfreeze: Math.max(1, ...(finetune?.unfreeze ?? []).map(({ epoch }) => epoch)),
    patience: earlyStopping?.patience ?? 0,
    swa: average?.name === "swa" ? average.anneal : 0,
  };
  if (schedule.name === "multiStep") lengths.after = warmUp + Math.max(...schedule.after);
  if ("every" in schedule) lengths.every = warmUp + schedule.every;
  if (schedule.name === "cosineRestarts") lengths.first = warmUp + schedule.first;
  if (schedule.name === "cyclic") lengths.cycle = warmUp + schedule.up + (schedule.down ?? schedule.up);
  return lengths;
}

describe.each(recipes)("recipe $name", ({ description, recipe }) => {
  it("says what it is, what it follows and what to expect", () => {
    expect(description).toMatch(/^\S.{10,105}[^.\s]$/);
    for (const lines of [recipe.source, recipe.expected]) {
      expect(lines?.length).toBeGreaterThan(0);
      for (const line of lines ?? []) expect(line.trim()).toBe(line);
    }
    // A figure says whose it is.
    for (const line of recipe.expected ?? []) expect(line).toMatch(/\(.*\)|publish/);
  });

  it("builds its network, which takes its images", () => {
    const network = networkOf(recipe);
    const [train, evaluation] = sizesOf(recipe);
    const { inChannels } = recipe.model;
    const channels = inChannels ?? findModel(recipe.model.name).inChannels;
    const { width = 0, height = 0 } = evaluation ?? {};
    expect(trace(network, [2, channels, height, width]).outputShape).toEqual([2, CLASSES[recipe.data.source]]);
    expect(train?.width).toBeGreaterThan(0);
    const [smallest, largest] = recipe.progressive?.size ?? [];
    if (smallest !== undefined) expect(smallest).toBeLessThan(largest ?? 0);
    if (largest !== undefined) expect(train).toEqual({ width: largest, height: largest });
    if (recipe.model.weights === "published") expect(publishedWeights(recipe.model.name)).not.toEqual([]);
  });

  it("speaks of no epoch that it does not have", () => {
    for (const [setting, length] of Object.entries(lengthsOf(recipe))) {
      expect([setting, length < recipe.epochs || length === 1]).toEqual([setting, true]);
    }
    expect(recipe.epochs % (recipe.progressive?.stages ?? 1)).toBeLessThanOrEqual(2);
  });

  it("speaks of no parameters that its network does not have", () => {
    const names = [...networkOf(recipe).parameters()].map(([name]) => name);
    const patterns = [
      ...recipe.optimizer.groups.flatMap(({ match }) => match),
      ...(recipe.finetune?.freeze ?? []),
      ...(recipe.finetune?.unfreeze.flatMap(({ match }) => match) ?? []),
    ];
    for (const pattern of patterns) {
      const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
      expect([pattern, names.some((name) => expression.test(name))]).toEqual([pattern, true]);
    }
  });

  it("comes through being written down", () => {
    const path = join(folder, "written.yaml");
    writeFileSync(path, stringify(recipe, { aliasDuplicateObjects: false }));
    expect(readRecipe(path)).toEqual(recipe);
  });
});

describe("the recipes' figures", () => {
  it("UvA: SGD for the residual networks, AdamW for the others, the same steps", () => {
    for (const name of ["googlenet", "densenet", "resnet", "preact-resnet"]) {
      const sgd = { name: "sgd", lr: 0.1, momentum: 0.9, weightDecay: 1e-4 };
      expect(readRecipe(`cifar10-${name}`)).toMatchObject({
        data: { source: "cifar10", validationFraction: 0.1, splitSeed: 42 },
        transforms: "cifar10",
        epochs: 180,
        batchSize: 128,
        optimizer: name.endsWith("resnet") ? sgd : { name: "adamw", lr: 1e-3, weightDecay: 1e-4 },
        schedule: { name: "multiStep", after: [100, 150], factor: 0.1 },
        seed: 42,
      });
    }
    const accuracies = ["googlenet", "resnet", "preact-resnet", "densenet"].map(
      (name) => readRecipe(`cifar10-${name}`).expected?.[0]?.match(/[\d.]+/)?.[0],
    );
    expect(accuracies).toEqual(["89.70", "91.06", "91.07", "90.23"]);
  });

  it("EfficientNetV2: table 6, and what the official code has in its place", () => {
    expect(readRecipe("efficientnet-v2-s")).toMatchObject({
      epochs: 350,
      progressive: { stages: 4, ramp: "paper", size: [128, 300], randAugment: [5, 15], dropout: [0.1, 0.3] },
      optimizer: { name: "rmsprop", lr: 0.256, eps: 1e-3, alpha: 0.9, momentum: 0.9, weightDecay: 1e-5 },
    });
    expect(readRecipe("efficientnet-v2-m").progressive).toEqual({
      ...{ stages: 4, ramp: "paper", size: [128, 380], randAugment: [5, 20], mixup: [0, 0.2], dropout: [0.1, 0.4] },
    });
    expect(readRecipe("efficientnet-v2-l").progressive).toEqual({
      ...{ stages: 4, ramp: "paper", size: [128, 380], randAugment: [5, 25], mixup: [0, 0.5], dropout: [0.1, 0.5] },
    });
    const official = readRecipe("efficientnet-v2-s-official");
    expect(official.progressive).toEqual({ stages: 4, ramp: "official", size: [128, 300], randAugment: [5, 10] });
    expect(official.model).toEqual({ name: "efficientnet_v2_s", stochasticDepth: 0.2, dropout: 0.2 });
    // 0.016 for 256 images of a batch.
    expect(official.optimizer.lr).toBeCloseTo((0.016 * official.batchSize) / 256, 12);
  });

  it("torchvision: the rate goes with the batch, the average's decay is its formula's", () => {
    const rates = ["resnet50", "resnext50", "regnet-x-400mf", "regnet-y-400mf", "regnet-x-3-2gf", "resnet50-v2"];
    expect(
      rates.map((name) => {
        const { optimizer, batchSize, epochs } = readRecipe(`imagenet-${name}`);
        return [optimizer.lr, batchSize, epochs];
      }),
    ).toEqual([
      [0.1, 32 * 8, 90],
      [0.4, 16 * 64, 100],
      [0.8, 128 * 8, 100],
      [0.4, 128 * 8, 100],
      [0.4, 64 * 8, 100],
      [0.5, 128 * 8, 600],
    ]);
    const { average, batchSize, epochs, ...v2 } = readRecipe("imagenet-resnext50-v2");
    expect(v2).toMatchObject({
      model: { name: "resnext50_32x4d" },
      mix: { mixup: 0.2, cutmix: 1, probability: 1, switchProbability: 0.5 },
      sampler: { name: "repeated", times: 4 },
      optimizer: { weightDecay: 2e-5, withoutDecay: "norms" },
      schedule: { name: "cosine", perEpoch: true, warmUp: { epochs: 5, from: 0.01, shape: "linear" } },
      loss: { labelSmoothing: 0.1 },
    });
    expect(average).toMatchObject({ name: "ema", every: 32, warmUp: false });
    if (average?.name === "ema") expect(average.decay).toBeCloseTo(1 - ((1 - 0.99998) * batchSize * 32) / epochs, 6);
  });

  it("torchvision's accuracies are those of the weights that it publishes", () => {
    let compared = 0;
    for (const { recipe } of recipes) {
      for (const line of recipe.expected ?? []) {
        const weights = line.match(/(\d+\.\d+) % top-1.*_Weights\.(\w+)/);
        if (!weights) continue;
        const published = publishedWeights(recipe.model.name).find(({ name }) => name === weights[2]);
        expect([recipe.model.name, published?.top1]).toEqual([recipe.model.name, Number(weights[1])]);
        compared++;
      }
    }
    expect(compared).toBe(15);
  });

  it("d2l: plain SGD, and the rate of the VioNets that confounds their comparison", () => {
    expect(readRecipe("fashion-mnist-regnetx32")).toMatchObject({
      model: { name: "d2l_regnet_x32", inChannels: 1 },
      epochs: 10,
      batchSize: 128,
      optimizer: { name: "sgd", lr: 0.05, momentum: 0, weightDecay: 0 },
      schedule: { name: "constant" },
    });
    const shapes = ["regnetx32", "regnetx32-four-stages", "deresnext", ...[..."dcgb"].map((x) => `vionet-${x}`)].map(
      (name) => {
        const recipe = readRecipe(`fashion-mnist-${name}`);
        return [recipe.model.name, sizesOf(recipe)[0]?.width, recipe.optimizer.lr];
      },
    );
    expect(shapes).toEqual([
      ["d2l_regnet_x32", 96, 0.05],
      ["d2l_regnet_x32_4stage", 224, 0.05],
      ["d2l_deresnext", 224, 0.05],
      ["d2l_vionet_d", 224, 0.1],
      ["d2l_vionet_c", 224, 0.1],
      ["d2l_vionet_g", 224, 0.1],
      ["d2l_vionet_b", 224, 0.1],
    ]);
  });

  it("Shift, MobileNetV3 and EfficientNet-B0 as their scripts have them", () => {
    expect(readRecipe("cifar10-shift-resnet20")).toMatchObject({
      epochs: 164,
      optimizer: { name: "sgd", lr: 0.1, momentum: 0.9, weightDecay: 5e-4 },
      schedule: { name: "multiStep", after: [81, 122] },
    });
    expect(readRecipe("mobilenet-v3-small")).toMatchObject({
      epochs: 600,
      batchSize: 1024,
      optimizer: { name: "rmsprop", formulae: "pytorch", lr: 0.064, alpha: 0.9, eps: 0.0316, weightDecay: 1e-5 },
      schedule: { name: "step", every: 2, factor: 0.973 },
      checkpoint: { top: 3 },
    });
    expect(readRecipe("efficientnet-b0")).toMatchObject({
      epochs: 450,
      batchSize: 768,
      optimizer: { name: "rmsprop", formulae: "tensorflow", lr: 0.048, eps: 1e-3, withoutDecay: "normsAndBiases" },
      schedule: { name: "step", every: 2.4, factor: 0.97, warmUp: { epochs: 5 } },
      average: { name: "ema", decay: 0.9999 },
    });
  });
});
