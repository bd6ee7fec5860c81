import { describe, expect, it } from "vitest";
import { computed, expectClose, waves } from "../../test/support/golden.js";
import { trace } from "../graph/index.js";
import { BatchNorm2d, MaxPool2d } from "../nn/index.js";
import { device, scope } from "../tensor/torch/index.js";
import { createModel, GoogLeNet, IMAGENET_NORMALIZATION, MLP, ResNet } from "./index.js";

describe("GoogLeNet", () => {
  it("has the paper's 5x5 convolutions when asked to", () => {
    const graph = trace(new GoogLeNet({ trueFiveByFive: true }), [1, 3, 224, 224]);
    expect(graph.parameters).toBe(7_005_832);
    expect((graph.multiplyAdds / 1e9).toFixed(3)).toBe("1.583");
  });

  it("has auxiliary heads when asked to", () =>
    scope(() => {
      const network = new GoogLeNet({ auxiliary: true });
      expect(network.parameterCount()).toBe(13_004_888);
      const small = new GoogLeNet({ auxiliary: true, classes: 4 }).materialize(device(), 3).eval();
      const x = waves([2, 3, 64, 64], 1);
      const { logits, aux1, aux2 } = small.forwardWithAuxiliary(x);
      expect([logits, aux1, aux2].map(({ shape }) => shape)).toEqual([
        [2, 4],
        [2, 4],
        [2, 4],
      ]);
      expectClose(computed(logits).dataAs("float32"), computed(small.forward(x)).dataAs("float32"), 0);
      expect(computed(aux1).dataAs("float32")).not.toEqual(computed(aux2).dataAs("float32"));
    }));

  it("has none by default, and says so", () => {
    const x = waves([1, 3, 64, 64], 1);
    expect(() => new GoogLeNet().forwardWithAuxiliary(x)).toThrow("no auxiliary heads");
  });

  it("takes ImageNet's normalisation to the published weights' range", () =>
    scope(() => {
      const seed = 5;
      const plain = new GoogLeNet({ classes: 3 }).materialize(device(), seed).eval();
      const own = new GoogLeNet({ classes: 3, transformInput: true }).materialize(device(), seed).eval();
      const pixels = waves([1, 3, 64, 64], 1).add(1).div(2);
      const channels = (mean: readonly number[], std: readonly number[]) => {
        const [red, ...others] = [0, 1, 2].map((i) =>
          pixels
            .slice(1, i, i + 1)
            .sub(mean[i] ?? 0)
            .div(std[i] ?? 1),
        );
        return (red ?? pixels).cat(others, 1);
      };
      const { mean, std } = IMAGENET_NORMALIZATION;
      const actual = own.forward(channels(mean, std));
      const expected = plain.forward(channels([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]));
      expectClose(computed(actual).dataAs("float32"), computed(expected).dataAs("float32"), 1e-4);
    }));
});

describe("ResNet", () => {
  it("begins with residual branches of zero when asked to", () => {
    const row = { block: "bottleneck", depths: [1, 1, 1, 1] } as const;
    const x = waves([1, 3, 32, 32], 1);
    scope(() => {
      const network = new ResNet(row, { zeroInitResidual: true }).materialize(device());
      const last = [...network.modules()].filter(([path]) => path.endsWith("bn3"));
      expect(last).toHaveLength(4);
      for (const [, norm] of last) {
        expect(norm instanceof BatchNorm2d && norm.weight?.value.data().every((value) => value === 0)).toBe(true);
      }
      expect(network.bn1 instanceof BatchNorm2d && network.bn1.weight?.value.data()[0]).toBe(1);
      expect(network.eval().forward(x).shape).toEqual([1, 1000]);
    });
  });
});

describe("the stem for small images", () => {
  it.each(["resnet18", "resnext50_32x4d", "densenet121", "googlenet", "squeezenet1_1"])(
    "of %s pools less and keeps the other names",
    (name) => {
      const [usual, small] = [createModel(name), createModel(name, { stem: "cifar" })];
      expect([...small.stateShapes().keys()]).toEqual([...usual.stateShapes().keys()]);
      const pools = (network: typeof usual) =>
        [...network.modules()].filter(([, module]) => module instanceof MaxPool2d).length;
      expect(pools(small)).toBe(pools(usual) - 1);
      const first = trace(small, [1, 3, 32, 32]).nodes.find(({ operator }) => operator === "conv2d");
      expect(first?.shape.slice(2)).toEqual([32, 32]);
      expect(first?.attributes).toEqual(expect.objectContaining({ stride: [1, 1], padding: [1, 1] }));
    },
  );
});

describe("an image that is too small", () => {
  it.each([
    ["googlenet", 15],
    ["densenet121", 29],
    ["squeezenet1_0", 21],
    ["squeezenet1_1", 17],
  ])("for %s is below the published %i pixels, and named with its layer", (name, least) => {
    expect(trace(createModel(name), [1, 3, least, least]).outputShape).toEqual([1, 1000]);
    if (name === "googlenet") return; // it runs with less, though its features are then single pixels
    expect(() => trace(createModel(name), [1, 3, least - 1, least - 1])).toThrow(/in features\.\S+ \(/);
  });
});

describe("MLP", () => {
  it("has the layers that it is told", () => {
    const network = new MLP(12, { widths: [8, 8, 4], norm: "layer", residual: true, classes: 3, dropout: 0.5 });
    const graph = trace(network, [2, 3, 2, 2], { training: true });
    const counts = ["linear", "layerNorm", "relu", "dropout", "add"] as const;
    expect(counts.map((operator) => graph.operators.get(operator))).toEqual([4, 3, 3, 3, 1]);
    expect(graph.parameters).toBe(12 * 8 + 8 + 16 + (8 * 8 + 8 + 16) + (8 * 4 + 4 + 8) + (4 * 3 + 3));
    expect(trace(new MLP(4, { widths: [], classes: 2 }), [1, 1, 2, 2]).parameters).toBe(10);
    expect(() => new MLP(12, { widths: [0] })).toThrow("a layer of 0 units");
  });

  it("normalises over the batch by default", () =>
    scope(() => {
      const network = new MLP(6, { widths: [5], classes: 2 }).materialize(device());
      expect(computed(network.forward(waves([4, 1, 2, 3], 1))).shape).toEqual([4, 2]);
    }));
});
