import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { trace } from "../graph/index.js";
import type { Tensor } from "../tensor/index.js";
import { randn, scope, type TorchTensor, tensor } from "../tensor/torch/index.js";
import { Shift } from "./index.js";

/** A depthwise convolution of `[channels, 1, k, k]` that reads, in channel m, the neighbour that a shift brings there. */
function oneHot(channels: number, k: number): TorchTensor {
  const weight = new Float32Array(channels * k * k);
  const group = Math.floor(channels / (k * k));
  for (let m = 0; m < channels; m++) {
    const moved = m < group * k * k;
    const place = moved ? Math.floor(m / group) : (k * k - 1) / 2;
    // What moves down by one comes from one above.
    weight[m * k * k + (k * k - 1 - place)] = 1;
  }
  return tensor(weight, [channels, 1, k, k]);
}

describe("Shift", () => {
  it.each([
    [9, 3],
    [20, 3],
    [53, 5],
    [4, 3],
  ])(
    "of %i channels with a kernel of %i equals a depthwise convolution, and so does its gradient",
    (channels, kernel) => {
      scope(() => {
        const x = randn([2, channels, 6, 5]);
        const pull = randn([2, channels, 6, 5]);
        const run = (layer: (x: TorchTensor) => Tensor) => {
          const input = x.clone();
          input.requiresGrad = true;
          const y = computed(layer(input));
          computed(y.mul(pull).sum()).backward();
          return { y: y.detach().data(), gradient: input.grad?.data() };
        };
        const shifted = run((input) => new Shift(kernel).forward(input));
        const convolved = run((input) =>
          input.conv2d(oneHot(channels, kernel), null, { padding: (kernel - 1) / 2, groups: channels }),
        );
        expect(shifted.gradient).toBeDefined();
        expect(shifted).toEqual(convolved);
      });
    },
  );

  it("keeps the shape, and has neither parameters nor multiply-adds", () => {
    const graph = trace(new Shift(5), [2, 30, 7, 8]);
    expect(graph.nodes.map(({ operator, attributes }) => [operator, attributes])).toEqual([["shift", { kernel: 5 }]]);
    expect([graph.outputShape, graph.parameters, graph.multiplyAdds]).toEqual([[2, 30, 7, 8], 0, 0]);
    expect(new Shift().kernel).toBe(3);
  });

  it.each([0, -3, 2, 2.5, Number.NaN])("refuses a kernel of %d", (kernel) => {
    expect(() => new Shift(kernel)).toThrow(`Shift: the kernel size ${kernel} is not an odd number`);
  });
});
