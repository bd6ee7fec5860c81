import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createModel } from "../../src/models/index.js";
import { scope, TorchTensor } from "../../src/tensor/torch/index.js";
import { computed, expectSketch, fillScaled, readGolden, type Sketch, waves } from "../support/golden.js";

interface Golden {
  size: number;
  parameters: number;
  entries: number;
  state: string;
  logits: Sketch;
  gradients: Sketch;
}

const { networks } = readGolden<{ networks: Record<string, Golden> }>("small-networks");

describe.each(Object.entries(networks))("%s, against the same network in PyTorch", (name, golden) => {
  it("has its names and shapes in its order", () => {
    const network = createModel(name);
    const shapes = [...network.stateShapes()];
    const lines = shapes.map(([entry, shape]) => `${entry}:${shape.join(",")}\n`).join("");
    expect(shapes).toHaveLength(golden.entries);
    expect(createHash("sha256").update(lines).digest("hex").slice(0, 16)).toBe(golden.state);
    expect(network.parameterCount()).toBe(golden.parameters);
  });

  it.each([
    ["float32", 1e-4],
    ["float64", 1e-9],
  ] as const)("gives its logits and gradients in %s", (dtype, tolerance) => {
    scope(() => {
      const network = createModel(name);
      fillScaled(network);
      network.to({ dtype }).eval();
      const output = computed(network.forward(waves([2, 3, golden.size, golden.size], 2).to({ dtype })));
      expectSketch(output.dataAs("float64"), golden.logits, tolerance);
      computed(output.sum()).backward();
      const norms = [...network.parameters()].map(([, parameter]) => {
        const gradient = TorchTensor.of(parameter).grad?.dataAs("float64");
        return gradient ? Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)) : Number.NaN;
      });
      expectSketch(norms, golden.gradients, 10 * tolerance);
      network.release();
    });
  });
});
