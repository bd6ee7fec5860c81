import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AnyNet, type AnyNetDesign, type AnyNetOptions, createModel, MLP } from "../../src/models/index.js";
import type { Module } from "../../src/nn/index.js";
import { scope, TorchTensor } from "../../src/tensor/torch/index.js";
import { computed, expectSketch, fillScaled, readGolden, type Sketch, waves } from "../support/golden.js";

interface Numbers {
  logits: Sketch;
  gradients: Sketch;
}

interface Golden {
  shape: number[];
  parameters: number;
  entries: number;
  state: string;
  evaluation: Numbers;
  training?: Numbers;
}

const { networks } = readGolden<{ networks: Record<string, Golden> }>("design-spaces");

function anynet(design: Partial<AnyNetDesign>, ratios: readonly number[], options: AnyNetOptions = {}): AnyNet {
  const [a = 1, b = 1, c = 1] = ratios;
  const stages = [
    { depth: 2, width: 32, groupWidth: 8, bottleneck: a },
    { depth: 1, width: 48, groupWidth: 16, bottleneck: b },
    { depth: 3, width: 64, groupWidth: 4, bottleneck: c },
  ];
  return new AnyNet({ stages, block: "resnext", squeeze: null, stem: 16, ...design }, { classes: 7, ...options });
}

const designs: Record<string, () => Module> = {
  anynet_bottlenecks: () => anynet({}, [2, 0.5, 1]),
  anynet_squeeze_silu: () => anynet({ squeeze: 0.25 }, [2, 0.5, 1], { activation: "silu" }),
  anynet_residual: () => anynet({ block: "residual" }, []),
  mlp_batch_relu: () => new MLP(48, { widths: [24, 12], classes: 5 }),
  mlp_layer_tanh_residual: () =>
    new MLP(48, { widths: [20, 20, 9, 9], norm: "layer", activation: "tanh", residual: true, classes: 5 }),
  mlp_plain: () => new MLP(48, { widths: [48], norm: "none", activation: "silu", residual: true, classes: 5 }),
};

describe.each(Object.entries(networks))("%s, against the same network in PyTorch", (name, golden) => {
  const build = designs[name] ?? (() => createModel(name));

  it("has its names and shapes in its order", () => {
    const network = build();
    const shapes = [...network.stateShapes()];
    const lines = shapes.map(([entry, shape]) => `${entry}:${shape.join(",")}\n`).join("");
    expect(shapes).toHaveLength(golden.entries);
    expect(createHash("sha256").update(lines).digest("hex").slice(0, 16)).toBe(golden.state);
    expect(network.parameterCount()).toBe(golden.parameters);
  });

  const modes = (["evaluation", "training"] as const).flatMap((mode) => {
    const numbers = golden[mode];
    return numbers ? [{ mode, ...numbers }] : [];
  });
  const cases = modes.flatMap((mode) => [
    { ...mode, dtype: "float32" as const, tolerance: 1e-4 },
    { ...mode, dtype: "float64" as const, tolerance: 1e-9 },
  ]);

  it.each(cases)("gives its logits and gradients in $mode, in $dtype", ({ mode, logits, gradients, dtype, tolerance }) =>
    scope(() => {
      const network = build();
      fillScaled(network);
      network.to({ dtype }).train(mode === "training");
      const output = computed(network.forward(waves(golden.shape, 2).to({ dtype })));
      expectSketch(output.dataAs("float64"), logits, tolerance);
      computed(output.mul(output).sum()).backward();
      const norms = [...network.parameters()].map(([, parameter]) => {
        const gradient = TorchTensor.of(parameter).grad?.dataAs("float64");
        return gradient ? Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)) : Number.NaN;
      });
      expectSketch(norms, gradients, 10 * tolerance);
      network.release();
    }),
  );
});
