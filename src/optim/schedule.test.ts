import { expect, it } from "vitest";
import { readGolden } from "../../test/support/files.js";
import { ArgumentError } from "../errors.js";
import { constant, cosine, oneCycle, type Schedule } from "./index.js";

const golden = readGolden<{ schedules: Record<string, number[]> }>("optimizers").schedules;

/** PyTorch counts steps: `last` is the one that its schedule ends with. */
const schedules: Record<string, { schedule: Schedule; last: number }> = {
  cosine: { schedule: cosine(0.4), last: 19 },
  "one cycle": { schedule: oneCycle(0.4), last: 20 },
  "one cycle options": { schedule: oneCycle(0.4, { rise: 0.5, start: 0.1, end: 1 / 50 }), last: 20 },
};

it("all of them are compared", () => expect(Object.keys(schedules)).toEqual(Object.keys(golden)));

it.each(Object.entries(schedules))("%s is torch.optim.lr_scheduler's", (name, { schedule, last }) => {
  const expected = golden[name] ?? [];
  expect(expected).toHaveLength(20);
  for (const [step, rate] of expected.entries()) expect(Math.abs(schedule(step / last) - rate)).toBeLessThan(1e-12);
});

it("ends and turns where it should", () => {
  expect([0, 0.3, 1].map(constant(0.2))).toEqual([0.2, 0.2, 0.2]);
  expect([0, 0.5, 1].map(cosine(0.2))).toEqual([0.2, expect.closeTo(0.1, 12), expect.closeTo(0, 12)]);
  const cycle = oneCycle(1);
  expect([0, 0.3, 1].map(cycle)).toEqual([
    expect.closeTo(0.04, 12),
    expect.closeTo(1, 12),
    expect.closeTo(0.04e-4, 12),
  ]);
  expect(cycle(2)).toBe(cycle(1));
  expect(cycle(-1)).toBe(cycle(0));
});

it("refuses a rise that is not inside the training", () => {
  for (const rise of [0, 1, -0.2, Number.NaN]) expect(() => oneCycle(1, { rise })).toThrow(ArgumentError);
});
