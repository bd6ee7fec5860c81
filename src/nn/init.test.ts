import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { Conv2d, init, Linear } from "./index.js";

const draw = (initializer: init.Initializer, shape: readonly number[], seed = 0) =>
  initializer(shape, new Random(seed, "test"));

function moments(values: Float32Array): { mean: number; deviation: number; kurtosis: number; most: number } {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const central = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / n;
  const variance = central(2);
  const most = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return { mean, deviation: Math.sqrt(variance), kurtosis: central(4) / variance ** 2, most };
}

it("fans are PyTorch's", () => {
  // torch.nn.init._calculate_fan_in_and_fan_out
  expect(init.fans([8, 4])).toEqual({ fanIn: 4, fanOut: 8 });
  expect(init.fans([16, 4, 3, 5])).toEqual({ fanIn: 60, fanOut: 240 });
  expect(init.fans([32, 1, 3, 3])).toEqual({ fanIn: 9, fanOut: 288 });
});

it("gains are PyTorch's calculate_gain", () => {
  expect(init.gain("linear")).toBe(1);
  expect(init.gain("sigmoid")).toBe(1);
  expect(init.gain("tanh")).toBeCloseTo(1.6666666666666667, 14);
  expect(init.gain("relu")).toBe(Math.SQRT2);
  expect(init.gain("leakyRelu")).toBeCloseTo(1.4141428569978354, 14);
  expect(init.gain("leakyRelu", 0.2)).toBeCloseTo(1.3867504905630728, 14);
  expect(init.gain("selu")).toBe(0.75);
});

describe("distributions", () => {
  const shape = [256, 64, 3, 3] as const; // 147,456 numbers; fan-in 576, fan-out 2304
  const tolerance = 0.01;

  it.each([
    ["normal", init.normal(0, 0.02), 0.02],
    ["kaiming normal, fan-in, ReLU", init.kaimingNormal(), Math.sqrt(2 / 576)],
    ["kaiming normal, fan-out", init.kaimingNormal({ mode: "fanOut" }), Math.sqrt(2 / 2304)],
    [
      "kaiming normal, leaky",
      init.kaimingNormal({ nonlinearity: "leakyRelu", slope: 0.5 }),
      Math.sqrt(2 / (1.25 * 576)),
    ],
    ["xavier normal", init.xavierNormal(), Math.sqrt(2 / (576 + 2304))],
    ["xavier normal, gain", init.xavierNormal(3), 3 * Math.sqrt(2 / (576 + 2304))],
  ] as const)("%s", (_, initializer, deviation) => {
    const found = moments(draw(initializer, shape));
    expect(Math.abs(found.mean)).toBeLessThan(tolerance * deviation);
    expect(Math.abs(found.deviation / deviation - 1)).toBeLessThan(tolerance);
    expect(Math.abs(found.kurtosis - 3)).toBeLessThan(0.06);
  });

  it.each([
    ["uniform", init.uniform(-0.3, 0.3), 0.3],
    ["kaiming uniform", init.kaimingUniform(), Math.sqrt(6 / 576)],
    [
      "kaiming uniform, fan-out, linear",
      init.kaimingUniform({ mode: "fanOut", nonlinearity: "linear" }),
      Math.sqrt(3 / 2304),
    ],
    ["xavier uniform", init.xavierUniform(), Math.sqrt(6 / (576 + 2304))],
    ["PyTorch's default weight", init.pytorchWeight, 1 / Math.sqrt(576)],
  ] as const)("%s", (_, initializer, bound) => {
    const found = moments(draw(initializer, shape));
    expect(Math.abs(found.mean)).toBeLessThan(tolerance * bound);
    expect(found.most).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(found.most).toBeGreaterThan(bound * 0.999);
    expect(Math.abs((found.deviation * Math.sqrt(3)) / bound - 1)).toBeLessThan(tolerance);
    expect(Math.abs(found.kurtosis - 1.8)).toBeLessThan(0.03);
  });

  it("uniform between bounds that are not symmetric; constant; normal with a mean", () => {
    const values = draw(init.uniform(2, 6), shape);
    expect(values.every((x) => x >= 2 && x < 6)).toBe(true);
    expect(Math.abs(moments(values).mean - 4)).toBeLessThan(0.02);
    expect([...draw(init.constant(1.5), [2, 2])]).toEqual([1.5, 1.5, 1.5, 1.5]);
    expect(Math.abs(moments(draw(init.normal(5, 1), shape)).mean - 5)).toBeLessThan(0.02);
  });

  it("truncated normal: cut at two deviations, with the variance that the cut leaves", () => {
    const found = moments(draw(init.truncatedNormal(1, 0.5), shape));
    expect(found.most).toBeLessThanOrEqual(2);
    expect(found.most).toBeGreaterThan(1.99);
    expect(Math.abs(found.mean - 1)).toBeLessThan(0.005);
    // 1 − 2·2·φ(2) / (2Φ(2) − 1) = 0.77374
    expect(Math.abs(found.deviation / (0.5 * Math.sqrt(0.7737413)) - 1)).toBeLessThan(tolerance);
    expect(moments(draw(init.truncatedNormal(0, 1, 1), shape)).most).toBeLessThanOrEqual(1);
  });
});

it("equal streams give equal values, others other values", () => {
  expect(draw(init.kaimingNormal(), [3, 3], 1)).toEqual(draw(init.kaimingNormal(), [3, 3], 1));
  expect(draw(init.kaimingNormal(), [3, 3], 1)).not.toEqual(draw(init.kaimingNormal(), [3, 3], 2));
});

it("layers start as PyTorch's do: weight and bias within 1/√fan-in", () => {
  for (const [layer, fanIn] of [
    [new Conv2d(32, 64, 3, { groups: 2 }), 144],
    [new Linear(100, 5000), 100],
  ] as const) {
    const bound = 1 / Math.sqrt(fanIn);
    for (const parameter of [layer.weight, layer.bias]) {
      if (!parameter) throw new Error("no bias");
      const { most } = moments(draw(parameter.initializer, parameter.shape));
      expect(most).toBeLessThanOrEqual(bound * (1 + 1e-6));
      expect(most).toBeGreaterThan(0.9 * bound);
    }
  }
});
