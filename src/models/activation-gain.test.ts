import { expect, it } from "vitest";
import { Random } from "../random.js";
import { kaimingFor } from "./activation-gain.js";

it.each([
  ["relu", Math.SQRT2],
  ["tanh", 5 / 3],
  // torch.nn.init.calculate_gain("leaky_relu"), with the slope of nn.LeakyReLU
  ["leakyRelu", Math.sqrt(2 / 1.0001)],
  ["gelu", Math.SQRT2],
  ["sigmoid", 1],
] as const)("weights before %s have the deviation that keeps the variance", (name, gain) => {
  const shape = [64, 16, 3, 3];
  const deviation = (mode: "fanIn" | "fanOut") => {
    const weights = kaimingFor(name, mode)(shape, new Random("gain"));
    return Math.sqrt(weights.reduce((sum, value) => sum + value * value, 0) / weights.length);
  };
  expect(deviation("fanIn") / (gain / Math.sqrt(16 * 9))).toBeCloseTo(1, 1);
  expect(deviation("fanOut") / (gain / Math.sqrt(64 * 9))).toBeCloseTo(1, 1);
});
