import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { trace } from "../../src/graph/index.js";
import { createModel, findModel } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { scope, TorchTensor } from "../../src/tensor/torch/index.js";
import { computed, expectSketch, fillScaled, readGolden, type Sketch, waves } from "../support/golden.js";

interface Golden {
  networks: Record<
    string,
    {
      size: number;
      parameters: number;
      multiplyAdds: number;
      entries: number;
      state: string;
      numbers?: { size: number; logits: Sketch; gradients: Sketch };
    }
  >;
}

const { networks } = readGolden<Golden>("classifiers");

/** `fingerprint` of classifiers.py. */
function fingerprint(network: Module): { entries: number; state: string } {
  const shapes = network.stateShapes();
  const lines = [...shapes].map(([name, shape]) => `${name}:${shape.join(",")}\n`);
  return {
    entries: shapes.size,
    state: createHash("sha256").update(lines.join("")).digest("hex").slice(0, 16),
  };
}

describe.each(Object.entries(networks))("%s", (name, golden) => {
  it("has torchvision's names and shapes in torchvision's order, its parameters and multiply-adds", () => {
    const network = createModel(name);
    const { entries, state } = fingerprint(network);
    expect(entries).toBe(golden.entries);
    expect(state).toBe(golden.state);
    expect(findModel(name).inputSize).toBe(golden.size);
    const graph = trace(network, [1, 3, golden.size, golden.size]);
    expect(graph.parameters).toBe(golden.parameters);
    expect(graph.multiplyAdds).toBe(golden.multiplyAdds);
  });
});

const sampled = Object.entries(networks).flatMap(([name, { numbers }]) => (numbers ? [{ name, ...numbers }] : []));

describe.each(sampled)("$name of an image of $size pixels", ({ name, size, logits, gradients }) => {
  it.each([
    ["float32", 1e-4],
    ["float64", 1e-9],
  ] as const)("gives torchvision's logits and gradients in %s", (dtype, tolerance) => {
    scope(() => {
      const network = createModel(name);
      fillScaled(network);
      network.to({ dtype }).eval();
      const output = computed(network.forward(waves([2, 3, size, size], 2).to({ dtype })));
      expect(output.dtype).toBe(dtype);
      expectSketch(output.dataAs("float64"), logits, tolerance);
      computed(output.sum()).backward();
      const norms = [...network.parameters()].map(([, parameter]) => {
        const gradient = TorchTensor.of(parameter).grad;
        return gradient ? euclidean(gradient) : Number.NaN;
      });
      expectSketch(norms, gradients, 10 * tolerance);
      network.release();
    });
  });
});

function euclidean(x: TorchTensor): number {
  return Math.sqrt(x.dataAs("float64").reduce((sum, value) => sum + value * value, 0));
}
