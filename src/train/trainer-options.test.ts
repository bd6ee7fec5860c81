import { afterEach, describe, expect, it } from "vitest";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { AdaptiveAvgPool2d, CrossEntropyLoss, Flatten, Linear, type Module, Sequential } from "../nn/index.js";
import { SGD } from "../optim/index.js";
import { device, memory, TorchTensor } from "../tensor/torch/index.js";
import type { Callback, StepRecord } from "./callback.js";
import { evaluate } from "./evaluate.js";
import { scores } from "./scores.js";
import { Trainer, type TrainerOptions } from "./trainer.js";

const train = twoColors(60, "train");
const validation = twoColors(40, "validation");

/** Freed after each test: what the garbage collector frees in a later one would spoil its count of tensors. */
const made: Module[] = [];
afterEach(() => {
  for (const model of made.splice(0)) model.release();
});

/** Without batch norm and dropout a step is a function of the images and the weights alone. */
function linear(): Module {
  const model = new Sequential(new AdaptiveAvgPool2d(2), new Flatten(), new Linear(12, 2));
  made.push(model);
  return model.materialize(device(), 3);
}

function trainerOf(model: Module, options: Partial<TrainerOptions> = {}): { trainer: Trainer; optimizer: SGD } {
  const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
  return { optimizer, trainer: new Trainer({ model, optimizer, loss: new CrossEntropyLoss(), ...options }) };
}

function weights(model: Module): number[] {
  return [...model.parameters()].flatMap(([, value]) => Array.from(TorchTensor.of(value).dataAs("float64")));
}

async function trained(options: Partial<TrainerOptions>, batchSize = 10): Promise<number[]> {
  const model = linear();
  await trainerOf(model, options).trainer.fit(loaderOf(train, { batchSize }), loaderOf(validation), { epochs: 1 });
  return weights(model);
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? Number.NaN)));
}

describe("Trainer's options", () => {
  it("accumulateGradBatches: three batches of ten are one of thirty, also where the last group is smaller", async () => {
    for (const [parts, whole] of [
      [3, 30],
      [4, 40],
    ] as const) {
      const moments: number[] = [];
      const schedule = ({ step, steps }: { step: number; steps: number }) => {
        moments.push(step, steps);
        return 0.1;
      };
      const accumulated = await trained({ accumulateGradBatches: parts, schedule });
      // Sixty images: two updates either way.
      expect(moments).toEqual([0, 2, 1, 2]);
      expect(distance(accumulated, await trained({}, whole))).toBeLessThan(1e-6);
    }
    await expect(trained({ accumulateGradBatches: 1.5 })).rejects.toThrow(
      "accumulateGradBatches must be a whole number",
    );
  });

  it("clip: an update is no longer than the rate times the norm, or each element than the value", async () => {
    const before = weights(linear());
    const one = { limitTrainBatches: 1 };
    expect(distance(await trained({ ...one, clip: { norm: 0.01 } }), before)).toBeCloseTo(0.1 * 0.01, 6);
    const bounded = await trained({ ...one, clip: { value: 0.002 } });
    expect(Math.max(...bounded.map((value, i) => Math.abs(value - (before[i] ?? 0))))).toBeCloseTo(0.1 * 0.002, 7);
  });

  it("l1: takes an equal step off every weight, not off the biases", async () => {
    const one = { limitTrainBatches: 1 };
    const [plain, drawn] = [await trained(one), await trained({ ...one, l1: 0.01 })];
    const before = weights(linear());
    for (const [i, value] of drawn.entries()) {
      // Twenty-four weights, then two biases.
      const expected = i < 24 ? 0.1 * 0.01 * Math.sign(before[i] ?? 0) : 0;
      expect((plain[i] ?? 0) - value).toBeCloseTo(expected, 6);
    }
  });

  it("precision: bfloat16 trains near float32, and not alike", async () => {
    const [exact, rounded] = [await trained({}), await trained({ precision: "bfloat16" })];
    expect(distance(exact, rounded)).toBeGreaterThan(0);
    expect(distance(exact, rounded)).toBeLessThan(0.01 * Math.hypot(...exact));
  });

  it("limits: so many batches, or a share, in training and validation", async () => {
    const steps: StepRecord[] = [];
    const totals: number[] = [];
    const seen: Callback = {
      onTrainBatchEnd: (step) => void steps.push(step),
      onTrainEpochEnd: (_, { matrix }) => void totals.push(matrix.total),
    };
    await trained({ callbacks: [seen], limitTrainBatches: 2, limitValBatches: 3 });
    await trained({ callbacks: [seen], limitTrainBatches: 0.5, limitValBatches: 0.01 });
    expect(steps.map(({ step, steps: all, globalStep }) => [step, all, globalStep])).toEqual([
      [1, 2, 1],
      [2, 2, 2],
      [1, 3, 1],
      [2, 3, 2],
      [3, 3, 3],
    ]);
    expect(totals).toEqual([30, 10]);
    await expect(trained({ limitTrainBatches: 0 })).rejects.toThrow("a limit of batches must be a number above 0");
  });

  it("average: the EMA of the weights is what its evaluation is of, and the network's own go on", async () => {
    const model = linear();
    const expected: number[] = [];
    const follow: Callback = {
      onTrainBatchEnd: () => {
        const now = weights(model);
        // By hand: the first is a copy, then nine tenths of it stay.
        for (const [i, value] of now.entries()) expected[i] = 0.9 * (expected[i] ?? value) + 0.1 * value;
      },
    };
    const average = { name: "ema", decay: 0.9, every: 1, warmUp: false } as const;
    let averaged: readonly number[] = [];
    const keep: Callback = {
      onCheckpoint: ({ tensors }) => {
        averaged = [...tensors]
          .filter(([name]) => name.startsWith("average/"))
          .flatMap(([, value]) => Array.from(value.dataAs("float64")));
      },
    };
    const { trainer } = trainerOf(model, { average, callbacks: [follow, keep] });
    const { records } = await trainer.fit(loaderOf(train), loaderOf(validation), { epochs: 1 });
    expect(distance(averaged, expected)).toBeLessThan(1e-6);
    expect(distance(weights(model), await trained({}))).toBe(0);
    const other = linear();
    for (const [i, [, parameter]] of [...other.parameters()].entries()) {
      const from = i === 0 ? 0 : 24;
      const part = Float32Array.from(expected.slice(from, from + parameter.elements));
      parameter.load(device().tensor(part, parameter.shape));
    }
    const { loss } = scores(await evaluate(other, loaderOf(validation)));
    expect(records[0]?.average?.loss).toBeCloseTo(loss, 5);
    expect(records[0]?.validation.loss).not.toBeCloseTo(loss, 5);
  });

  it("lossSpike: stops at a loss far above those before, and tells of which images it is", async () => {
    const { trainer } = trainerOf(linear(), {
      lossSpike: 5,
      // The first step of the fifth epoch throws the weights far off; the second finds out.
      schedule: ({ step }) => (step === 24 ? -1e3 : 0.01),
    });
    const training = trainer.fit(loaderOf(train), loaderOf(validation), { epochs: 9 });
    await expect(training).rejects.toMatchObject({
      code: "DIVERGED",
      epoch: 5,
      step: 2,
      message: expect.stringMatching(
        /^The loss rose to [\d.e+]+ in epoch 5, step 2, [\d.e+]+ times the mean before\.$/,
      ),
      indices: Uint32Array.from({ length: 10 }, (_, i) => 10 + i),
    });
  });

  it("callbacks: one ends the training after its epoch, all are told of an error", async () => {
    const model = linear();
    const stops: Callback[] = [{ onFitStart: (fit) => fit.stop("enough"), onFitEnd: () => undefined }];
    const early = await trainerOf(model, { callbacks: stops }).trainer.fit(loaderOf(train), loaderOf(validation), {
      epochs: 3,
    });
    expect(early).toMatchObject({ records: [], interrupted: false, stopped: "enough" });
    const told: unknown[] = [];
    const fails = { onTrainBatchEnd: () => Promise.reject(new Error("no")) };
    const { trainer } = trainerOf(model, { callbacks: [fails, { onException: (error) => void told.push(error) }] });
    await expect(trainer.fit(loaderOf(train), loaderOf(validation), { epochs: 1 })).rejects.toThrow("no");
    expect(told).toEqual([new Error("no")]);
  });

  it("validate, test and predict say the same of the same images, and leave nothing behind", async () => {
    const model = new TinyNet().materialize(device(), 1);
    const { trainer } = trainerOf(model, { limitValBatches: 1 });
    const before = memory().tensors;
    const [part, whole, said] = [
      await trainer.validate(loaderOf(validation)),
      await trainer.test(loaderOf(validation)),
      await trainer.predict(loaderOf(validation)),
    ];
    expect([part.matrix.total, whole.matrix.total]).toEqual([10, 40]);
    expect(said.probabilities).toEqual(whole.probabilities);
    expect(part.probabilities).toEqual(whole.probabilities.slice(0, 20));
    expect(whole.labels).toEqual(Int32Array.from({ length: 40 }, (_, i) => i % 2));
    expect(model.training).toBe(true);
    expect(memory().tensors).toBe(before);
  });
});
