import { describe, expect, it } from "vitest";
import { loaderOf, twoColors } from "../../test/support/tiny.js";
import { type Mix, parseMix, parsePipeline, type Stage, type Transform } from "../data/index.js";
import { ProgressiveDropout, progressiveStages, stagesOf } from "./progressive.js";
import type { Recipe } from "./recipe.js";

type Progressive = Partial<NonNullable<Recipe["progressive"]>>;

function recipe(progressive: Progressive, epochs = 350): Pick<Recipe, "progressive" | "epochs"> {
  return { epochs, progressive: { stages: 4, ramp: "paper", ...progressive } };
}

function column<K extends "size" | "randAugment" | "mixup" | "cutmix" | "dropout" | "fromEpoch" | "epochs">(
  progressive: Progressive,
  key: K,
  epochs?: number,
) {
  return progressiveStages(recipe(progressive, epochs)).map((row) => row[key]);
}

const transforms = parsePipeline([
  { name: "resize", size: [40, 40] },
  { name: "randomCrop", size: 32, padding: 4 },
  { name: "randAugment", ops: "efficientnetv2" },
  { name: "normalize", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
]);

const magnitudes = (stages: readonly Stage[]) =>
  stages.map(({ transforms }) => transforms.flatMap((t) => (t.name === "randAugment" ? [t.magnitude] : [])));

describe("progressiveStages", () => {
  it("is the paper's table 6 for EfficientNetV2-S, M and L", () => {
    const small: Progressive = { size: [128, 300], randAugment: [5, 15], mixup: [0, 0], dropout: [0.1, 0.3] };
    expect(column(small, "size")).toEqual([128, 185, 243, 300]);
    expect(column(small, "randAugment")).toEqual([5, 5 + 10 / 3, 5 + 20 / 3, 15]);
    expect(column(small, "mixup")).toEqual([0, 0, 0, 0]);
    const dropout = column(small, "dropout");
    for (const [i, rate] of [0.1, 0.1 + 0.2 / 3, 0.1 + 0.4 / 3, 0.3].entries())
      expect(dropout[i]).toBeCloseTo(rate, 12);
    expect([dropout[0], dropout[3]]).toEqual([0.1, 0.3]);
    expect(column(small, "cutmix")).toEqual([undefined, undefined, undefined, undefined]);
    const medium: Progressive = { size: [128, 380], randAugment: [5, 20], mixup: [0, 0.2] };
    expect(column(medium, "size")).toEqual([128, 212, 296, 380]);
    expect(column(medium, "randAugment")).toEqual([5, 10, 15, 20]);
    expect(column(medium, "mixup").at(-1)).toBe(0.2);
    expect(column({ cutmix: [0, 0.75] }, "cutmix")).toEqual([0, 0.25, 0.5, 0.75]);
  });

  it("is the official code's sizes for S and M, whose other values are those of the paper", () => {
    const official: Progressive = { ramp: "official", size: [128, 300], randAugment: [5, 10], mixup: [0, 0.3] };
    expect(column(official, "size")).toEqual([171, 214, 257, 300]);
    expect(column({ ...official, size: [128, 384] }, "size")).toEqual([192, 256, 320, 384]);
    // Rounded down: a quarter of the way from 128 to 195 is 144.75, half of it 161.5.
    expect(column({ ...official, size: [128, 195] }, "size")).toEqual([144, 161, 178, 195]);
    expect(column(official, "randAugment")).toEqual([5, 5 + 5 / 3, 5 + 10 / 3, 10]);
    expect(column(official, "mixup").map((x) => x?.toFixed(6))).toEqual([
      "0.000000",
      "0.100000",
      "0.200000",
      "0.300000",
    ]);
  });

  it("divides the epochs as equally as whole numbers can be", () => {
    expect(column({}, "fromEpoch")).toEqual([0, 87, 175, 262]);
    expect(column({}, "epochs")).toEqual([87, 88, 87, 88]);
    for (const epochs of [4, 5, 6, 7, 90]) {
      const rows = progressiveStages(recipe({}, epochs));
      expect(rows.map(({ stage }) => stage)).toEqual([1, 2, 3, 4]);
      expect(rows.reduce((sum, row) => sum + row.epochs, 0)).toBe(epochs);
      expect(Math.min(...rows.map((row) => row.epochs))).toBeGreaterThan(0);
      for (const [i, row] of rows.entries()) expect(rows[i + 1]?.fromEpoch ?? epochs).toBe(row.fromEpoch + row.epochs);
    }
  });

  it("has the last values in one stage, and needs an epoch for each", () => {
    for (const ramp of ["paper", "official"] as const) {
      const rows = progressiveStages(recipe({ stages: 1, ramp, size: [128, 300], dropout: [0.1, 0.3] }, 5));
      expect(rows).toEqual([{ stage: 1, fromEpoch: 0, epochs: 5, size: 300, dropout: 0.3 }]);
    }
    expect(() => progressiveStages(recipe({}, 3))).toThrow(
      expect.objectContaining({ code: "ARGUMENT", message: "progressive.stages: 4 stages do not fit into 3 epochs" }),
    );
    expect(progressiveStages({ epochs: 3 })).toEqual([]);
  });
});

describe("stagesOf", () => {
  it("gives a loader images that grow, from the stages' epochs on", async () => {
    const set = twoColors(20, "train");
    const stages = stagesOf(recipe({ stages: 3, size: [16, 32] }, 7), transforms, undefined);
    const loader = loaderOf(set, { transforms, stages });
    const sides = await Promise.all(
      [0, 1, 2, 3, 4, 5, 6].map(async (epoch) => {
        for await (const { shape } of loader.epoch(epoch)) return shape[3];
        return undefined;
      }),
    );
    expect(sides).toEqual([16, 16, 24, 24, 32, 32, 32]);
    // What stands around it changes in proportion.
    expect(stages[0]?.transforms.slice(0, 2)).toMatchObject([{ size: [20, 20] }, { size: 16, padding: 2 }]);
  });

  it("sets the magnitude of every randAugment, a whole number where it must be one", () => {
    const both: Transform[] = parsePipeline([
      { name: "randAugment", magnitude: 1 },
      ...transforms.slice(0, 3),
      { name: "trivialAugmentWide" },
    ]);
    const stages = stagesOf(recipe({ randAugment: [5, 15] }), both, undefined);
    expect(magnitudes(stages)).toEqual([
      [5, 5],
      [8, 5 + 10 / 3],
      [12, 5 + 20 / 3],
      [15, 15],
    ]);
    expect(stages.map(({ transforms }) => transforms.filter(({ name }) => name !== "randAugment"))).toEqual(
      stages.map(() => both.filter(({ name }) => name !== "randAugment")),
    );
    expect(magnitudes(stagesOf(recipe({ size: [16, 32] }), both, undefined))).toEqual(stages.map(() => [1, 9]));
  });

  it("refuses magnitudes without randAugment or beyond it, and sizes that nothing decides", () => {
    const none = transforms.filter(({ name }) => name !== "randAugment");
    expect(() => stagesOf(recipe({ randAugment: [5, 15] }), none, undefined)).toThrow(
      "progressive.randAugment: there is no randAugment among the training transforms",
    );
    expect(() => stagesOf(recipe({ randAugment: [5, 31] }), transforms, undefined)).toThrow("must be at most 30");
    expect(() => stagesOf(recipe({ size: [16, 32] }), transforms.slice(3), undefined)).toThrow("no transform decides");
  });

  it("mixes by the stage's alphas and the recipe's probabilities, and not at all where both are 0", async () => {
    const mix: Mix = parseMix({ mixup: 0.8, cutmix: 1, probability: 0.75, switchProbability: 0.25 });
    const rest = { probability: 0.75, switchProbability: 0.25 };
    const mixes = (progressive: Progressive, own: Mix | undefined) =>
      stagesOf(recipe({ stages: 3, ...progressive }), transforms, own).map((stage) => stage.mix);
    expect(mixes({ mixup: [0, 0.5], cutmix: [0, 1] }, mix)).toEqual([
      undefined,
      { mixup: 0.25, cutmix: 0.5, ...rest },
      { mixup: 0.5, cutmix: 1, ...rest },
    ]);
    expect(mixes({ mixup: [0, 0.5] }, mix).map((m) => [m?.mixup, m?.cutmix])).toEqual([
      [0, 1],
      [0.25, 1],
      [0.5, 1],
    ]);
    expect(mixes({ size: [16, 32] }, mix)).toEqual([mix, mix, mix]);
    expect(mixes({ cutmix: [1, 0] }, undefined)).toEqual([
      parseMix({ cutmix: 1 }),
      parseMix({ cutmix: 0.5 }),
      undefined,
    ]);

    // In a loader that mixes by itself, the first stage does not.
    const stages = stagesOf(recipe({ stages: 2, mixup: [0, 0.5] }, 2), transforms, parseMix({ mixup: 0.2 }));
    const loader = loaderOf(twoColors(20, "train"), { transforms, mix: parseMix({ mixup: 0.2 }), stages });
    for (const [epoch, mixed] of [false, true].entries()) {
      for await (const { targets } of loader.epoch(epoch)) expect(targets !== undefined).toBe(mixed);
    }
  });

  it("gives none where the recipe has nothing progressive", () => {
    expect(stagesOf({ epochs: 3 }, transforms, undefined)).toEqual([]);
  });
});

describe("ProgressiveDropout", () => {
  it("sets the rate at the beginning of every epoch, wherever training begins", () => {
    const rows = progressiveStages(recipe({ stages: 3, dropout: [0.2, 0.6] }, 6));
    const dropout = { p: 0.5 };
    const callback = new ProgressiveDropout(rows, dropout);
    const rates = [1, 2, 3, 4, 5, 6, 3, 1].map((epoch) => {
      callback.onTrainEpochStart(epoch);
      return dropout.p;
    });
    expect(rates.map((rate) => rate.toFixed(3))).toEqual(
      [0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.4, 0.2].map((rate) => rate.toFixed(3)),
    );
  });

  it("refuses a network without dropout", () => {
    expect(() => new ProgressiveDropout([], undefined)).toThrow("the network has no dropout");
  });
});
