import { describe, expect, it } from "vitest";
import { compoundScaling, EFFICIENTNET_BASES } from "./index.js";

describe("compound scaling", () => {
  it("gives the paper's factors", () => {
    expect(compoundScaling(0)).toEqual({ depth: 1, width: 1, resolution: 1 });
    const { depth, width, resolution } = compoundScaling(2);
    expect(depth).toBeCloseTo(1.44, 12);
    expect(width).toBeCloseTo(1.21, 12);
    expect(resolution).toBeCloseTo(1.3225, 12);
  });

  it("takes the paper's bases, whose product is 1.92, and others of about 2", () => {
    const { alpha, beta, gamma } = EFFICIENTNET_BASES;
    expect((alpha * beta ** 2 * gamma ** 2).toFixed(2)).toBe("1.92");
    expect(compoundScaling(1, { alpha: 2, beta: 1, gamma: 1 })).toEqual({ depth: 2, width: 1, resolution: 1 });
    expect(compoundScaling(3, { alpha: 1, beta: Math.SQRT2, gamma: 1 }).width).toBeCloseTo(2 * Math.SQRT2, 12);
  });

  it.each([
    [{ alpha: 1.2, beta: 1.2, gamma: 1.3 }, "alpha·beta²·gamma² is 2.920, not about 2"],
    [{ alpha: 1.0, beta: 1.1, gamma: 1.1 }, "1.464"],
    [{ alpha: 0.9, beta: 1.3, gamma: 1.15 }, "alpha is 0.9"],
    [{ alpha: 2, beta: 0.9, gamma: 1.1 }, "beta is 0.9"],
    [{ alpha: 2, beta: 1.1, gamma: 0.9 }, "gamma is 0.9"],
    [{ alpha: Number.NaN, beta: 1, gamma: 1 }, "alpha is NaN"],
  ])("refuses %s", (bases, message) => {
    expect(() => compoundScaling(1, bases)).toThrow(
      expect.objectContaining({ name: "ArgumentError", message: expect.stringContaining(message) }),
    );
  });

  it("refuses what is no number of steps", () => {
    expect(() => compoundScaling(Number.POSITIVE_INFINITY)).toThrow("phi is Infinity");
  });
});
