import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../errors.js";
import { Random } from "../../random.js";
import { FileSet } from "../image-set.js";
import { holdOut } from "./split.js";

const parts = { train: "t", validation: "v" };

/** A set of so many images per group and class: `counts[group][class]`. */
function setOf(counts: readonly (readonly number[])[]): FileSet {
  const images = counts.flatMap((row, g) =>
    row.flatMap((count, label) => Array.from({ length: count }, (_, i) => ({ group: `p${g}`, label, i }))),
  );
  const names = images.map(({ group, label, i }) => `${label}/${group}_${i}.png`);
  return new FileSet({
    name: "some",
    classes: (counts[0] ?? []).map((_, label) => `class ${label}`),
    labels: images.map(({ label }) => label),
    groups: images.map(({ group }) => group),
    names,
    paths: names,
  });
}

/** Patients as in life: of very different size, with very different shares of three classes. */
function patients(count: number, seed: number): number[][] {
  return Array.from({ length: count }, (_, g) => {
    const random = new Random(seed, "patient", g);
    const size = Math.exp(random.normal(4, 1));
    return [0.6, 0.3, 0.1].map((share) => Math.floor(size * share * random.uniform(0, 2)));
  });
}

describe("holding out groups", () => {
  it("divides no group, and holds out about the same fraction of every class", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { train, validation } = holdOut(setOf(patients(40, seed)), 0.2, seed, parts);
      const held = new Set(validation.groups);
      expect(train.groups?.some((group) => held.has(group))).toBe(false);
      const [inTrain, inValidation] = [train.classCounts(), validation.classCounts()];
      for (const [label, count] of inValidation.entries()) {
        expect(count / (count + (inTrain[label] ?? 0))).toBeCloseTo(0.2, 2);
      }
    }
  });

  it("is the same for the same groups, in whatever order the images come, and other for another seed", () => {
    const set = setOf(patients(30, 1));
    const groupsOf = (images: FileSet, seed: number): string[] =>
      [...new Set(holdOut(images, 0.25, seed, parts).validation.groups)].sort();
    const shuffled = set.subset(new Random("order").permutation(set.size));
    expect(groupsOf(shuffled, 3)).toEqual(groupsOf(set, 3));
    const choices = new Set(Array.from({ length: 10 }, (_, seed) => groupsOf(set, seed).join()));
    expect(choices.size).toBeGreaterThan(5);
  });

  it("comes close to the best choice that there is", () => {
    const loss = (counts: number[][], held: readonly number[]): number => {
      const total = counts.reduce((sum, row) => sum.map((x, c) => x + (row[c] ?? 0)), [0, 0, 0]);
      return total.reduce((sum, all, c) => {
        const inside = held.reduce((n, g) => n + (counts[g]?.[c] ?? 0), 0);
        return sum + (inside / all - 0.3) ** 2 + (inside === 0 || inside === all ? 100 : 0);
      }, 0);
    };
    for (let seed = 0; seed < 10; seed++) {
      const counts = patients(12, 100 + seed);
      const found = holdOut(setOf(counts), 0.3, seed, parts).validation.groups ?? [];
      const ours = loss(
        counts,
        [...new Set(found)].map((group) => Number(group.slice(1))),
      );
      let best = Number.POSITIVE_INFINITY;
      for (let mask = 0; mask < 2 ** 12; mask++) {
        best = Math.min(
          best,
          loss(
            counts,
            Array.from({ length: 12 }, (_, g) => g).filter((g) => (mask >> g) & 1),
          ),
        );
      }
      expect(Math.sqrt(ours)).toBeLessThan(Math.sqrt(best) + 0.02);
    }
  });

  it("has every class on both sides, or says which cannot be", () => {
    expect(() =>
      holdOut(
        setOf([
          [5, 3],
          [5, 0],
        ]),
        0.5,
        0,
        parts,
      ),
    ).toThrow(/class class 1 has images of 1 group/);
    expect(() => holdOut(setOf([[5, 3]]), 0.5, 0, parts)).toThrow(ArgumentError);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 2, maxLength: 8 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        (counts, fraction) => {
          try {
            const { train, validation } = holdOut(setOf(counts), fraction, 1, parts);
            expect(Math.min(...train.classCounts(), ...validation.classCounts())).toBeGreaterThan(0);
          } catch (error) {
            if (!(error instanceof ArgumentError)) throw error;
            const alone = [0, 1].some((label) => counts.filter((row) => (row[label] ?? 0) > 0).length < 2);
            // Two classes that share two groups only: one side has both or none.
            expect(alone || counts.filter(([a, b]) => a + b > 0).length <= 4).toBe(true);
          }
        },
      ),
    );
  });

  it("is quick with many groups", () => {
    const before = performance.now();
    const { validation } = holdOut(setOf(patients(5000, 9)), 0.2, 0, parts);
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(validation.size).toBeGreaterThan(0);
  });
});
