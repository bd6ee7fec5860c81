import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import { FileSet } from "./image-set.js";
import { checkSampler, epochOrder } from "./sampler.js";

/** Class 0 once, class 1 four times, class 2 fifteen times. */
const labels = [0, ...Array(4).fill(1), ...Array(15).fill(2)] as number[];
const set = new FileSet({
  name: "some",
  classes: ["a", "b", "c"],
  labels,
  names: labels.map((_, i) => `${i}`),
  paths: labels.map((_, i) => `/${i}.png`),
});
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

describe("epochOrder", () => {
  it("keeps the order of the set, or gives each epoch its own", () => {
    expect([...epochOrder({ name: "sequential" }, set, 1, 2).indices]).toEqual([...labels.keys()]);
    const shuffled = epochOrder({ name: "shuffle" }, set, 4, 2);
    expect([...shuffled.indices]).toEqual([...new Random(4, "shuffle", 2).permutation(20)]);
    expect(sorted(shuffled.indices)).toEqual([...labels.keys()]);
    expect(shuffled.occurrences).toBeUndefined();
    expect(epochOrder({ name: "shuffle" }, set, 4, 3).indices).not.toEqual(shuffled.indices);
    expect(epochOrder({ name: "shuffle" }, set, 5, 2).indices).not.toEqual(shuffled.indices);
  });

  it("draws every class as often when balanced", () => {
    const counts = [0, 0, 0];
    for (let epoch = 0; epoch < 600; epoch++) {
      for (const index of epochOrder({ name: "balanced" }, set, 0, epoch).indices) {
        const label = labels[index] as number;
        counts[label] = (counts[label] as number) + 1;
      }
    }
    // 12,000 draws with probability 1/3: the deviation is 52.
    for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(4 * 52);
  });

  it("draws by weight, never what weighs nothing, and counts repetitions", () => {
    const weights = labels.map((_, i) => (i === 3 ? 3 : i === 7 ? 1 : 0));
    let threes = 0;
    for (let epoch = 0; epoch < 500; epoch++) {
      const { indices, occurrences } = epochOrder({ name: "weighted", weights }, set, 0, epoch);
      expect(new Set([...indices, 3, 7]).size).toBe(2);
      const seen = new Map<number, number>();
      for (const [i, index] of indices.entries()) {
        expect(occurrences?.[i]).toBe(seen.get(index) ?? 0);
        seen.set(index, (seen.get(index) ?? 0) + 1);
      }
      threes += seen.get(3) ?? 0;
    }
    // 10,000 draws with probability 3/4: the deviation is 43.
    expect(Math.abs(threes - 7500)).toBeLessThan(4 * 43);
  });

  it("repeats images in a row until the epoch is full", () => {
    const { indices, occurrences } = epochOrder({ name: "repeated", times: 3 }, set, 9, 1);
    expect(indices).toHaveLength(20);
    const order = new Random(9, "shuffle", 1).permutation(20);
    expect([...indices]).toEqual(Array.from({ length: 20 }, (_, i) => order[Math.floor(i / 3)]));
    expect([...(occurrences ?? [])]).toEqual(Array.from({ length: 20 }, (_, i) => i % 3));
  });
});

describe("checkSampler", () => {
  it("refuses weights that do not fit", () => {
    for (const weights of [[1, 2], Array(20).fill(0), [...Array(19).fill(1), Number.NaN], [...Array(19).fill(1), -1]]) {
      expect(() => checkSampler({ name: "weighted", weights }, set)).toThrow(ArgumentError);
    }
    expect(() => checkSampler({ name: "weighted", weights: Array(20).fill(0.5) }, set)).not.toThrow();
  });

  it("refuses to balance what has no labels", () => {
    const unlabelled = new FileSet({
      name: "u",
      classes: ["a"],
      labels: [0, -1],
      names: ["1", "2"],
      paths: ["1", "2"],
    });
    expect(() => checkSampler({ name: "balanced" }, unlabelled)).toThrow(ArgumentError);
  });
});
