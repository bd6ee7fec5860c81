import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { niceRange, spread, wholeTicks } from "./layout.js";

const free = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

describe("niceRange", () => {
  it("rounds outwards to steps of 1, 2 and 5", () => {
    expect(niceRange([0.35, 0.97], free)).toEqual({
      low: 0.3,
      high: 1,
      ticks: [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    });
    expect(niceRange([0.61, 0.98], [0, 1])).toMatchObject({ low: 0.6, high: 1 });
    expect(niceRange([12, 95], free).ticks).toEqual([0, 20, 40, 60, 80, 100]);
  });

  it("stays within its limits", () => {
    expect(niceRange([1, 1], [0, 1])).toMatchObject({ high: 1 });
    expect(niceRange([0, 0], [0, 1])).toMatchObject({ low: 0 });
    expect(niceRange([], [0, 1])).toMatchObject({ low: 0, high: 1 });
    expect(niceRange([-5e-324], free)).toMatchObject({ low: -0.06, high: 0.06 });
  });

  it("holds the values, with few ticks, whatever they are", () => {
    const value = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const { low, high, ticks } = niceRange(values, free);
        const slack = 1e-8 * (high - low);
        expect(low).toBeLessThan(high);
        expect(low - slack).toBeLessThanOrEqual(Math.min(...values));
        expect(high + slack).toBeGreaterThanOrEqual(Math.max(...values));
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(12);
      }),
    );
  });
});

describe("wholeTicks", () => {
  it("names every epoch of a short run and round ones of a long", () => {
    expect(wholeTicks(1, 1)).toEqual([1]);
    expect(wholeTicks(1, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(wholeTicks(1, 100)).toEqual([1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(wholeTicks(1, 303)).toEqual([1, 50, 100, 150, 200, 250, 303]);
  });
});

describe("spread", () => {
  it("leaves alone what has room and parts the rest about its middle", () => {
    expect(spread([0, 50], 10)).toEqual([0, 50]);
    expect(spread([20, 20], 10)).toEqual([15, 25]);
    expect(spread([22, 20, 21], 10)).toEqual([31, 11, 21]);
    expect(spread([100, 99], 10, [0, 100])).toEqual([100, 90]);
  });

  it("keeps order and distance", () => {
    const position = fc.double({ min: 0, max: 240, noNaN: true });
    fc.assert(
      fc.property(fc.array(position, { maxLength: 8 }), (positions) => {
        const places = spread(positions, 15, [0, 240]);
        const pairs = positions.map((from, i) => ({ from, to: places[i] ?? Number.NaN })).sort((a, b) => a.to - b.to);
        pairs.forEach(({ from, to }, i) => {
          const before = pairs[i - 1];
          expect(to).toBeGreaterThan(-1e-9);
          expect(to).toBeLessThan(240 + 1e-9);
          if (before) expect(to - before.to).toBeGreaterThan(15 - 1e-9);
          if (before) expect(from).toBeGreaterThanOrEqual(before.from);
        });
      }),
    );
  });
});
