import { afterEach, describe, expect, it, vi } from "vitest";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { AdaptiveAvgPool2d, CrossEntropyLoss, Flatten, Linear, type Module, Sequential } from "../nn/index.js";
import { AdamW, type Moment, type Optimizer, SGD } from "../optim/index.js";
import { device, memory } from "../tensor/torch/index.js";
import type { Callback, StepRecord } from "./callback.js";
import type { EpochRecord } from "./epoch.js";
import { Trainer, type TrainerOptions } from "./trainer.js";

const train = twoColors(60, "train");
const validation = twoColors(40, "validation");
const loader = () => loaderOf(train, { sampler: { name: "shuffle" }, seed: 5 });

/** Freed after each test: what the garbage collector frees in a later one would spoil its count of tensors. */
const built: { model: Module; optimizer: Optimizer }[] = [];
afterEach(() => {
  for (const { model, optimizer } of built.splice(0)) {
    model.release();
    for (const tensor of optimizer.stateDict().tensors.values()) tensor.dispose();
  }
});

function build(options: Partial<TrainerOptions> = {}): { model: TinyNet; optimizer: Optimizer; trainer: Trainer } {
  const model = new TinyNet().materialize(device(), 11);
  const optimizer = options.optimizer ?? new AdamW(model.parameters(), { learningRate: 0.03 });
  built.push({ model, optimizer });
  return { model, optimizer, trainer: new Trainer({ model, optimizer, loss: new CrossEntropyLoss(), ...options }) };
}

function weightsOf(model: TinyNet): Map<string, number[]> {
  return new Map([...model.stateDict()].map(([name, value]) => [name, Array.from(value.data(), Number)]));
}

/** Without what the clock says. */
function numbersOf(records: readonly EpochRecord[]): unknown[] {
  return records.map(({ epoch, train, validation, learningRate }) => ({ epoch, train, validation, learningRate }));
}

afterEach(() => vi.restoreAllMocks());

describe("Trainer", () => {
  it("learns a separable problem", async () => {
    const { trainer } = build();
    const { records, interrupted } = await trainer.fit(loader(), loaderOf(validation), { epochs: 6 });
    expect(interrupted).toBe(false);
    expect(records.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    const [first, last] = [records[0], records[5]];
    expect(last?.train.loss).toBeLessThan((first?.train.loss ?? 0) / 2);
    expect(last?.validation.accuracy).toBeGreaterThan(0.95);
    expect(last?.validation.balancedAccuracy).toBeCloseTo(last?.validation.accuracy ?? 0, 1);
    for (const { seconds, imagesPerSecond } of records) {
      expect(seconds).toBeGreaterThan(0);
      expect(imagesPerSecond).toBeGreaterThan(60 / seconds - 1e-9);
    }
  });

  it("records means per image, also over batches of different sizes", async () => {
    const model = new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(3, 2)).materialize(device(), 1);
    const optimizer = new SGD(model.parameters(), { learningRate: 0 });
    built.push({ model, optimizer });
    const trainer = new Trainer({ model, optimizer, loss: new CrossEntropyLoss() });
    // Without learning, training sees what validation on the same images sees.
    const { records } = await trainer.fit(loaderOf(train, { batchSize: 40 }), loaderOf(train), { epochs: 1 });
    expect(records[0]?.train.loss).toBeCloseTo(records[0]?.validation.loss ?? 0, 5);
    expect(records[0]?.train.accuracy).toBe(records[0]?.validation.accuracy);
  });

  it("gives the same bits for the same seed, and others for another", async () => {
    const outcome = async (seed: number) => {
      const { trainer, model } = build({ seed });
      const { records } = await trainer.fit(loader(), loaderOf(validation), { epochs: 2 });
      return { records: numbersOf(records), weights: weightsOf(model) };
    };
    const one = await outcome(1);
    expect(await outcome(1)).toEqual(one);
    const two = await outcome(2);
    expect(two.weights).not.toEqual(one.weights);
    expect(two.records).not.toEqual(one.records);
  });

  it("sets the learning rate before every step, by steps and epochs of the training", async () => {
    const moments: Moment[] = [];
    const schedule = (moment: Moment) => {
      moments.push(moment);
      return 0.01 * (1 + moment.step);
    };
    const { trainer, optimizer } = build({ schedule });
    const update = vi.spyOn(optimizer, "step");
    const rates: number[] = [];
    update.mockImplementation(() => rates.push(optimizer.learningRate));
    const { records } = await trainer.fit(loader(), loaderOf(validation), { epochs: 2 });
    expect(rates).toEqual(Array.from({ length: 12 }, (_, i) => 0.01 * (1 + i)));
    expect(moments).toEqual(rates.map((_, step) => ({ step, steps: 12, epoch: step / 6, epochs: 2 })));
    expect(records.map(({ learningRate }) => learningRate)).toEqual([rates[5], rates[11]]);
  });

  it("keeps the optimiser's learning rate without a schedule, also where that is undefined", async () => {
    const { trainer } = build({ schedule: undefined, seed: undefined, device: undefined, callbacks: undefined });
    const { records } = await trainer.fit(loader(), loaderOf(validation), { epochs: 1 });
    expect(records[0]?.learningRate).toBe(0.03);
  });

  it("calls callbacks in their order, each at its moment, and waits for them", async () => {
    const calls: string[] = [];
    const steps: StepRecord[] = [];
    const named = (name: string): Callback => ({
      onTrainEpochStart: (epoch, epochs) => void calls.push(`${name} start ${epoch}/${epochs}`),
      onTrainBatchEnd: async ({ epoch, step }) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        calls.push(`${name} step ${epoch}.${step}`);
      },
      onValidationStart: (epoch) => void calls.push(`${name} validation ${epoch}`),
      onTrainEpochEnd: ({ epoch }, { matrix }) => void calls.push(`${name} end ${epoch} of ${matrix.total}`),
      onFitEnd: (records) => void calls.push(`${name} over ${records.length}`),
    });
    const { trainer } = build({
      callbacks: [named("a"), { onTrainBatchEnd: (step) => void steps.push(step) }, named("b")],
    });
    const { records } = await trainer.fit(loaderOf(train, { batchSize: 40 }), loaderOf(validation), { epochs: 2 });
    const moments = [1, 2].flatMap((epoch) => [
      `start ${epoch}/2`,
      `step ${epoch}.1`,
      `step ${epoch}.2`,
      `validation ${epoch}`,
      `end ${epoch} of 40`,
    ]);
    expect(calls).toEqual([...moments, "over 2"].flatMap((moment) => [`a ${moment}`, `b ${moment}`]));
    expect(steps.map(({ images, steps: all }) => [images, all])).toEqual([
      [40, 2],
      [60, 2],
      [40, 2],
      [60, 2],
    ]);
    // The epoch's means are those after its last step, weighted by the batches' sizes.
    expect(records.map(({ train }) => train)).toEqual(
      [steps[1], steps[3]].map((step) => ({ loss: step?.loss, accuracy: step?.accuracy })),
    );
  });

  it("stops after the step that runs when the signal comes", async () => {
    const controller = new AbortController();
    const steps: string[] = [];
    let ended: number | undefined;
    const { trainer } = build({
      callbacks: [
        {
          onTrainBatchEnd: ({ epoch, step }) => {
            steps.push(`${epoch}.${step}`);
            if (epoch === 2 && step === 3) controller.abort();
          },
          onFitEnd: (records) => {
            ended = records.length;
          },
        },
      ],
    });
    const { signal } = controller;
    const { records, interrupted } = await trainer.fit(loader(), loaderOf(validation), { epochs: 3, signal });
    expect(steps.at(-1)).toBe("2.3");
    expect([records.length, interrupted, ended]).toEqual([1, true, 1]);
  });

  it("stops in validation too, and not at all after the last epoch", async () => {
    for (const [hook, finished] of [
      ["onValidationStart", 0],
      ["onTrainEpochEnd", 1],
    ] as const) {
      const controller = new AbortController();
      const starts = vi.fn();
      const { trainer } = build({ callbacks: [{ [hook]: () => controller.abort(), onTrainEpochStart: starts }] });
      const { signal } = controller;
      const { records, interrupted } = await trainer.fit(loader(), loaderOf(validation), { epochs: 2, signal });
      expect([records.length, interrupted]).toEqual([finished, true]);
      expect(starts).toHaveBeenCalledTimes(1);

      const last = new AbortController();
      const once = build({ callbacks: [{ onTrainEpochEnd: () => last.abort() }] }).trainer;
      const whole = await once.fit(loader(), loaderOf(validation), { epochs: 1, signal: last.signal });
      expect([whole.records.length, whole.interrupted]).toEqual([1, false]);
    }
  });

  it("passes on an error that a callback throws, also one after an interruption", async () => {
    const { trainer } = build({ callbacks: [{ onTrainEpochEnd: () => Promise.reject(new Error("full disk")) }] });
    await expect(trainer.fit(loader(), loaderOf(validation), { epochs: 1 })).rejects.toThrow("full disk");
  });

  it("stops with DIVERGED when the loss is no number, before the weights take harm", async () => {
    const model = new TinyNet().materialize(device(), 11);
    const optimizer = new SGD(model.parameters(), { learningRate: 1 });
    built.push({ model, optimizer });
    const trainer = new Trainer({
      model,
      optimizer,
      loss: new CrossEntropyLoss(),
      // The seventh step, the first of the second epoch, blows the weights up; the eighth finds out.
      schedule: ({ step }) => (step === 6 ? 1e38 : 0.01),
    });
    await expect(trainer.fit(loader(), loaderOf(validation), { epochs: 2 })).rejects.toMatchObject({
      code: "DIVERGED",
      message: expect.stringMatching(/^The loss became (NaN|Infinity) in epoch 2, step 2\.$/),
      hint: "Try a lower learning rate.",
    });
    expect(new Set(optimizer.stateDict().steps.values())).toEqual(new Set([7]));
  });

  it("stops with DIVERGED when the last step of an epoch spoils the network", async () => {
    const { trainer } = build({ schedule: ({ step, steps }) => (step === steps - 1 ? 1e38 : 0.01) });
    await expect(trainer.fit(loader(), loaderOf(validation), { epochs: 1 })).rejects.toMatchObject({
      code: "DIVERGED",
      message: "The network's outputs for validation/0 are not numbers.",
    });
  });

  it("leaves no tensors behind but the optimiser's", async () => {
    const counts: number[] = [];
    const { trainer, optimizer } = build({
      callbacks: [{ onTrainEpochEnd: () => void counts.push(memory().tensors) }],
    });
    const before = memory().tensors;
    await trainer.fit(loader(), loaderOf(validation), { epochs: 3 });
    expect(optimizer.stateDict().tensors.size).toBe(12);
    expect(counts).toEqual([before + 12, before + 12, before + 12]);
    expect(memory().scopes).toBe(0);
  });
});
