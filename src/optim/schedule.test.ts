import { describe, expect, it } from "vitest";
import { readGolden } from "../../test/support/files.js";
import { ArgumentError } from "../errors.js";
import {
  constant,
  cosine,
  cosineRestarts,
  cyclic,
  exponentialDecay,
  type Moment,
  multiStepDecay,
  oneCycle,
  perEpoch,
  polynomialDecay,
  type Schedule,
  stepDecay,
  warmUp,
} from "./index.js";

const golden = readGolden<Record<"steps" | "epochs", Record<string, number[]>>>("schedules");

/** The training of `test/golden/schedules.py`. */
const epochs = 12;
const stepsPerEpoch = 5;
const rate = 0.4;

/** The same schedules as there: those that change with every step, and those that change between epochs. */
const steps: Record<string, Schedule> = {
  cosine: cosine(rate),
  "cosine end": cosine(rate, { end: 1 / 20 }),
  "one cycle": oneCycle(rate),
  "one cycle options": oneCycle(rate, { rise: 0.5, start: 0.1, end: 1 / 50 }),
  step: stepDecay(rate, { every: 3, factor: 0.5 }),
  "step 2.4": stepDecay(rate, { every: 2.4, factor: 0.97 }),
  "multi-step": multiStepDecay(rate, { after: [4, 7] }),
  exponential: exponentialDecay(rate, { factor: 0.9, every: 2 }),
  polynomial: polynomialDecay(rate),
  "polynomial 2": polynomialDecay(rate, { power: 2 }),
  cyclic: cyclic(rate, { up: 2 }),
  "cyclic options": cyclic(rate, { up: 1, down: 3, shrink: 0.5 }),
  "warm-up": warmUp(cosine(rate), { epochs: 2 }),
  "warm-up constant": warmUp(stepDecay(rate, { every: 3, factor: 0.5 }), { epochs: 2, from: 0.2, shape: "constant" }),
  restarts: cosineRestarts(rate, { first: 3 }),
  "restarts options": cosineRestarts(rate, { first: 2, growth: 2, end: 0.1 }),
};

const wholeEpochs: Record<string, Schedule> = {
  cosine: cosine(rate),
  step: stepDecay(rate, { every: 3, factor: 0.5 }),
  "multi-step": multiStepDecay(rate, { after: [7, 4] }),
  exponential: exponentialDecay(rate, { factor: 0.9 }),
  polynomial: polynomialDecay(rate, { power: 2 }),
  restarts: cosineRestarts(rate, { first: 2, growth: 2, end: 0.1 }),
  "warm-up": warmUp(cosine(rate), { epochs: 5, from: 0.1 }),
  "warm-up constant": warmUp(stepDecay(rate, { every: 3, factor: 0.5 }), { epochs: 2, shape: "constant" }),
};

function moments(epochs: number, perEpoch: number): Moment[] {
  const steps = epochs * perEpoch;
  return Array.from({ length: steps }, (_, step) => ({ step, steps, epoch: step / perEpoch, epochs }));
}

function expectRates(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((actual[i] ?? 0) - value), `at ${i}: ${actual[i]}, not ${value}`).toBeLessThan(1e-12);
  }
}

describe("torch.optim.lr_scheduler's rates", () => {
  it("of all of them", () => {
    expect(Object.keys(steps)).toEqual(Object.keys(golden.steps));
    expect(Object.keys(wholeEpochs)).toEqual(Object.keys(golden.epochs));
  });

  it.each(Object.entries(steps))("of %s at every step", (name, schedule) => {
    expectRates(moments(epochs, stepsPerEpoch).map(schedule), golden.steps[name] ?? []);
  });

  it.each(Object.entries(wholeEpochs))("of %s, stepped once an epoch", (name, schedule) => {
    const expected = (golden.epochs[name] ?? []).flatMap((value) => new Array<number>(stepsPerEpoch).fill(value));
    expectRates(moments(epochs, stepsPerEpoch).map(perEpoch(schedule)), expected);
  });
});

it("is the same where a warm-up goes around perEpoch, and through it", () => {
  const around = warmUp(perEpoch(cosine(rate)), { epochs: 5, from: 0.1 });
  const last = moments(epochs, stepsPerEpoch).slice(5 * stepsPerEpoch);
  expectRates(last.map(around), last.map(perEpoch(warmUp(cosine(rate), { epochs: 5, from: 0.1 }))));
});

it("gives a cycle after a warm-up what is left of the training", () => {
  const warm = warmUp(oneCycle(rate), { epochs: 2 });
  expectRates(moments(12, 5).slice(10).map(warm), moments(10, 5).map(oneCycle(rate)));
});

it("turns where epochs are counted in fractions that floating point cannot hold", () => {
  const everyStep = moments(4, 10);
  const restarts = everyStep.map(cosineRestarts(1, { first: 0.1 * 3 }));
  for (const [i, value] of restarts.entries()) expect(value > 0.99).toBe(i % 3 === 0);
  const decay = stepDecay(1, { every: 2.4, factor: 0.5 });
  for (const moment of moments(100, 10)) expect(decay(moment)).toBe(0.5 ** Math.floor(moment.step / 24));
  const everyStepDecays = stepDecay(1, { every: 0.1, factor: 0.5 });
  for (const moment of everyStep) expect(everyStepDecays(moment)).toBe(0.5 ** moment.step);
});

it("stays finite in trainings of one step, and in those that end before their warm-up", () => {
  const every = [constant(rate), ...Object.values(steps), ...Object.values(wholeEpochs).map(perEpoch)];
  for (const schedule of every) {
    for (const [count, perEpoch] of [
      [1, 1],
      [2, 1],
      [1, 3],
    ] as const) {
      for (const value of moments(count, perEpoch).map(schedule)) {
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(rate);
      }
    }
  }
});

it("keeps a constant rate", () => {
  expect(moments(2, 2).map(constant(0.2))).toEqual([0.2, 0.2, 0.2, 0.2]);
});

describe("refuses", () => {
  it("a rise that is not inside the training", () => {
    for (const rise of [0, 1, -0.2, Number.NaN]) expect(() => oneCycle(1, { rise })).toThrow(ArgumentError);
  });

  it.each<[string, () => Schedule]>([
    ["a step of no epochs", () => stepDecay(1, { every: 0 })],
    ["a negative factor", () => stepDecay(1, { every: 1, factor: -1 })],
    ["a negative milestone", () => multiStepDecay(1, { after: [3, -1] })],
    ["an exponential without a factor", () => exponentialDecay(1, { factor: 0 })],
    ["a power of 0", () => polynomialDecay(1, { power: 0 })],
    ["restarts of no length, which would never end", () => cosineRestarts(1, { first: 0 })],
    ["restarts that shrink, which would never end", () => cosineRestarts(1, { first: 1, growth: 0.5 })],
    ["a negative end", () => cosine(1, { end: -1 })],
    ["a cycle without a way up", () => cyclic(1, { up: 0 })],
    ["a cycle without a way down", () => cyclic(1, { up: 1, down: -1 })],
    ["a warm-up of no length", () => warmUp(constant(1), { epochs: 0 })],
    ["a warm-up from nowhere", () => warmUp(constant(1), { epochs: 1, from: Number.NaN })],
  ])("%s", (_, make) => {
    expect(make).toThrow(ArgumentError);
  });
});
