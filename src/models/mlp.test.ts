import { describe, expect, it } from "vitest";
import { trace } from "../graph/index.js";
import { type ActivationName, Linear } from "../nn/index.js";
import { Random } from "../random.js";
import { MLP } from "./index.js";

describe("MLP", () => {
  it("adds a layer's input where both have as many units, when told to", () => {
    const additions = (residual: boolean) =>
      trace(new MLP(8, { widths: [8, 8, 4, 4], residual }), [2, 2, 2, 2]).operators.get("add") ?? 0;
    expect([additions(false), additions(true)]).toEqual([0, 3]);
  });

  it("drops after every hidden layer, and not before the classes", () => {
    const graph = trace(new MLP(8, { widths: [6, 4], dropout: 0.2 }), [2, 2, 2, 2], { training: true });
    expect(graph.nodes.filter(({ operator }) => operator === "dropout").map(({ module }) => module)).toEqual([
      "hidden.0.dropout",
      "hidden.1.dropout",
    ]);
    expect(() => new MLP(8, { dropout: 2 })).toThrow("probability 2");
  });

  // Second moments of the first weights: gain² / fan-in, and for activations that saturate 2 / (fan-in + fan-out).
  it.each<[ActivationName, number]>([
    ["relu", 2 / 300],
    ["gelu", 2 / 300],
    ["leakyRelu", 2 / 1.0001 / 300],
    ["identity", 1 / 300],
    ["tanh", 2 / 400],
    ["sigmoid", 2 / 400],
    ["hardsigmoid", 2 / 400],
  ])("begins with weights that fit %s", (activation, expected) => {
    const network = new MLP(300, { widths: [100], activation });
    const [layer] = [...network.modules()].flatMap(([, module]) => (module instanceof Linear ? [module] : []));
    const weights = layer?.weight.initializer(layer.weight.shape, new Random("mlp")) ?? new Float32Array();
    const moment = weights.reduce((sum, value) => sum + value * value, 0) / weights.length;
    expect(Math.abs(moment / expected - 1)).toBeLessThan(0.05);
    expect(layer?.bias?.initializer([3], new Random("mlp"))).toEqual(new Float32Array(3));
  });

  it("says what does not fit", () => {
    expect(() => new MLP(12, { widths: [4, 2.5] })).toThrow("a layer of 2.5 units");
    expect(() => trace(new MLP(12), [1, 3, 4, 4])).toThrow("hidden.0.linear");
  });
});
