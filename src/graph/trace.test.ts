import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readGolden } from "../../test/support/files.js";
import { FoveaError, ShapeError } from "../errors.js";
import { createModel } from "../models/index.js";
import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  init,
  Linear,
  Module,
  Parameter,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Shape, Tensor } from "../tensor/index.js";
import { trace } from "./index.js";

// This file must import nothing of `tensor/torch`: it shows that tracing needs no engine.

interface Counts {
  size: number;
  parameters: number;
  multiplyAdds: number;
  shapes: Record<string, Shape>;
  adds: Record<string, number>;
  state: Record<string, Shape>;
}

const golden = readGolden<{ networks: Record<string, Counts> }>("counts").networks;

describe.each(Object.entries(golden))("%s, against the same network in PyTorch", (name, counts) => {
  const network = createModel(name);
  const graph = trace(network, [1, 3, counts.size, counts.size]);

  it("has its names, shapes and counts", () => {
    expect(graph.parameters).toBe(counts.parameters);
    expect(graph.trainableParameters).toBe(counts.parameters);
    expect(graph.parameterBytes).toBe(4 * counts.parameters);
    expect(graph.multiplyAdds).toBe(counts.multiplyAdds);
    const own = [...network.parameters(), ...network.buffers()].map(([path, { shape }]) => [path, shape]);
    expect(Object.fromEntries(own)).toEqual(counts.state);
  });

  it("and of every module", () => {
    let compared = 0;
    for (const row of graph.modules) {
      const shape = counts.shapes[row.path];
      if (!shape) continue;
      compared++;
      expect([row.path, row.outputShape]).toEqual([row.path, shape]);
      if (row.leaf) expect([row.path, row.multiplyAdds]).toEqual([row.path, counts.adds[row.path] ?? 0]);
    }
    // Some activations are methods on one side and modules on the other.
    expect(compared).toBeGreaterThan(0.9 * graph.modules.length);
  });

  it("scales with the batch, and keeps the parameters", () => {
    const batch = trace(network, [7, 3, counts.size, counts.size]);
    expect(batch.multiplyAdds).toBe(7 * counts.multiplyAdds);
    expect(batch.parameters).toBe(counts.parameters);
    expect(batch.activationBytes).toBe(7 * graph.activationBytes);
  });
});

it("gives the published counts of ResNet-20", () => {
  const graph = trace(createModel("cifar_resnet20"), [1, 3, 32, 32]);
  expect(graph.parameters).toBe(272_378);
  expect((graph.multiplyAdds / 1e9).toFixed(3)).toBe("0.041");
});

class Twice extends Module {
  readonly first = new Conv2d(1, 2, 3, { bias: false });
  readonly twice = new Conv2d(2, 2, 1);
  readonly head = new Sequential(new Flatten(), new Linear(32, 3));
  readonly unused = new Linear(5, 5);
  readonly scale = new Parameter([3], init.constant(1));

  forward(x: Tensor): Tensor {
    const y = this.first.forward(x);
    return this.head.forward(this.twice.forward(this.twice.forward(y).relu()).add(y)).mul(this.scale);
  }
}

describe("a traced network", () => {
  const network = new Twice();
  network.twice.weight.trainable = false;
  const graph = trace(network, [1, 1, 6, 6]);

  it("lists the operators in order, with unique names", () => {
    expect(graph.nodes.map(({ name }) => name)).toEqual([
      "first/conv2d",
      "twice/conv2d",
      "relu",
      "twice/conv2d_1",
      "add",
      "head.0/flatten",
      "head.1/linear",
      "mul",
    ]);
    expect(graph.nodes.map(({ multiplyAdds }) => multiplyAdds)).toEqual([16 * 2 * 9, 16 * 4, 0, 16 * 4, 0, 0, 96, 0]);
    expect(graph.operators.get("conv2d")).toBe(3);
    expect(graph.activationBytes).toBe(4 * (32 * 6 + 3 + 3));
  });

  it("knows where every input comes from", () => {
    const [first, , , second, add, , , mul] = graph.nodes;
    expect(first?.inputs.map(({ kind }) => kind)).toEqual(["input", "leaf", "none"]);
    expect(add?.inputs).toEqual([
      { kind: "node", node: second },
      { kind: "node", node: first },
    ]);
    const [, scale] = mul?.inputs ?? [];
    expect(scale?.kind === "leaf" && scale.leaf).toBe(network.scale);
    expect(graph.output.kind === "node" && graph.output.node).toBe(mul);
  });

  it("describes the modules", () => {
    const row = (path: string) => graph.modules.find((module) => module.path === path);
    expect(graph.modules.map(({ path }) => path)).toEqual(["", "first", "twice", "head", "head.0", "head.1", "unused"]);
    expect(row("")).toEqual({
      path: "",
      type: "Twice",
      depth: 0,
      inputShape: [1, 1, 6, 6],
      outputShape: [1, 3],
      parameters: 18 + 6 + 99 + 30 + 3,
      trainableParameters: 18 + 2 + 99 + 30 + 3,
      multiplyAdds: 16 * 18 + 2 * 16 * 4 + 96,
      leaf: false,
    });
    expect(row("twice")).toEqual(
      expect.objectContaining({ type: "Conv2d", parameters: 6, trainableParameters: 2, leaf: true }),
    );
    expect(row("twice")?.multiplyAdds).toBe(2 * 64);
    expect(row("head")).toEqual(expect.objectContaining({ depth: 1, multiplyAdds: 96, inputShape: [1, 2, 4, 4] }));
    expect(row("head.0")).toEqual(
      expect.objectContaining({ depth: 2, inputShape: [1, 2, 4, 4], outputShape: [1, 32] }),
    );
    expect(row("unused")).toEqual(expect.objectContaining({ inputShape: undefined, outputShape: undefined }));
  });
});

it("shows what training computes when asked to", () => {
  const network = new Sequential(new Conv2d(1, 2, 1), new BatchNorm2d(2), new Dropout(0.5));
  expect(trace(network, [1, 1, 2, 2]).operators.has("dropout")).toBe(false);
  const training = trace(network, [1, 1, 2, 2], { training: true });
  expect(training.operators.get("dropout")).toBe(1);
  const norm = training.nodes.find(({ operator }) => operator === "batchNorm");
  expect(norm?.attributes).toEqual(expect.objectContaining({ training: true }));
});

describe("leaves the network as it was", () => {
  const broken = () => new Sequential(new Conv2d(1, 4, 3), new Sequential(new ReLU(), new Conv2d(5, 4, 1)));

  it.each([
    ["when it works", () => new Sequential(new Conv2d(1, 4, 3), new Sequential(new ReLU(), new Conv2d(4, 4, 1)))],
    ["when it fails", broken],
  ])("%s", (_, build) => {
    const network = build();
    [...network.children()][1]?.[1].eval();
    const flags = () => [...network.modules()].map(([, module]) => module.training);
    const before = flags();
    try {
      trace(network, [1, 1, 8, 8]);
    } catch (error) {
      expect(error).toBeInstanceOf(ShapeError);
    }
    expect(flags()).toEqual(before);
    for (const [, module] of network.modules()) expect(Object.hasOwn(module, "forward")).toBe(false);
  });

  it("also a forward of its own", () => {
    const network = new Sequential(new ReLU());
    const own = (x: Tensor) => x.sigmoid();
    network.forward = own;
    expect([...trace(network, [1, 2]).operators.keys()]).toEqual(["sigmoid"]);
    expect(network.forward).toBe(own);
  });

  it("and names the innermost module of an error, once", () => {
    const attempt = () => trace(broken(), [1, 1, 8, 8]);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(
      [
        "conv2d([1, 4, 6, 6], [4, 5, 1, 1], [4]): the weight takes 5 channels in 1 groups, the input has 4",
        "  in 1.1 (Conv2d) with input [1, 4, 6, 6]",
      ].join("\n"),
    );
  });
});

it("refuses a result that does not come from the input", () => {
  class Odd extends Module {
    forward(): Tensor {
      return JSON.parse("{}");
    }
  }
  expect(() => trace(new Odd(), [1])).toThrow(FoveaError);
});

it("needs no engine", () => {
  const { sharedObjects } = z.object({ sharedObjects: z.array(z.string()) }).parse(process.report.getReport());
  expect(sharedObjects.filter((path) => /fovea\.node|libtorch|libc10/.test(path))).toEqual([]);
});
