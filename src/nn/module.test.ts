import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import type { Tensor } from "../tensor/index.js";
import { device, memory, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import {
  BatchNorm2d,
  Buffer,
  Conv2d,
  Dropout,
  init,
  Linear,
  Module,
  Parameter,
  Sequential,
  StateDictError,
} from "./index.js";

class Toy extends Module {
  readonly stem = new Conv2d(1, 2, 1, { bias: false });
  readonly inputNet = new Sequential(new Linear(2, 2), new Dropout(0.5));
  readonly keyed = new Sequential({ norm1: new BatchNorm2d(2), fcOut: new Linear(2, 1, { bias: false }) });
  readonly heads = [new Linear(2, 1), new Linear(2, 1)];
  readonly layerScale = new Parameter([2], init.constant(3));
  readonly positionTables = [new Buffer([1], 7), new Buffer([1], 8)];
  readonly tied = this.inputNet;
  readonly nothing = null;
  readonly size = 4;

  forward(x: Tensor): Tensor {
    return x;
  }
}

const names = (items: Iterable<[string, unknown]>) => [...items].map(([name]) => name);
const cpu = device();

describe("names", () => {
  it("come from properties, arrays, places and keys, in snake_case, own parameters first", () => {
    const toy = new Toy();
    expect(names(toy.parameters())).toEqual([
      "layer_scale",
      "stem.weight",
      "input_net.0.weight",
      "input_net.0.bias",
      "keyed.norm1.weight",
      "keyed.norm1.bias",
      "keyed.fcOut.weight",
      "heads.0.weight",
      "heads.0.bias",
      "heads.1.weight",
      "heads.1.bias",
    ]);
    expect(names(toy.buffers())).toEqual([
      "position_tables.0",
      "position_tables.1",
      "keyed.norm1.running_mean",
      "keyed.norm1.running_var",
      "keyed.norm1.num_batches_tracked",
    ]);
    expect(names(toy.children())).toEqual(["stem", "input_net", "keyed", "heads.0", "heads.1", "tied"]);
    expect(names(toy.modules()).slice(0, 4)).toEqual(["", "stem", "input_net", "input_net.0"]);
  });

  it("a shared parameter comes, and counts, once", () => {
    const tied = new Linear(3, 3, { bias: false });
    const network = new Sequential(tied, tied);
    expect(names(network.parameters())).toEqual(["0.weight"]);
    expect(network.parameterCount()).toBe(9);
    network.materialize(cpu);
    expect(names(network.stateDict())).toEqual(["0.weight"]);
  });
});

it("counts parameters, all or the trainable ones, and no buffers", () => {
  const norm = new BatchNorm2d(5);
  expect(norm.parameterCount()).toBe(10);
  if (norm.bias) norm.bias.trainable = false;
  expect(norm.parameterCount()).toBe(10);
  expect(norm.parameterCount({ trainableOnly: true })).toBe(5);
  norm.materialize(cpu);
  expect(computed(norm.weight?.value).requiresGrad).toBe(true);
  expect(computed(norm.bias?.value).requiresGrad).toBe(false);
  if (norm.bias) norm.bias.trainable = true;
  expect(computed(norm.bias?.value).requiresGrad).toBe(true);
});

it("train and eval reach every module below", () => {
  const toy = new Toy();
  const flags = () => [...toy.modules()].map(([, module]) => module.training);
  expect(new Set(flags())).toEqual(new Set([true]));
  expect(toy.eval()).toBe(toy);
  expect(new Set(flags())).toEqual(new Set([false]));
  toy.train();
  expect(new Set(flags())).toEqual(new Set([true]));
  toy.heads[0]?.eval();
  expect(flags().filter((on) => !on)).toHaveLength(1);
});

describe("materialize", () => {
  const values = (module: Module, name: string) => [...computed(module.stateDict().get(name)).dataAs("float32")];

  it("is a function of seed and name, whatever else the network holds", () => {
    const small = new Sequential({ a: new Linear(4, 3) }).materialize(cpu, 5);
    const large = new Sequential({ z: new Conv2d(3, 8, 3), a: new Linear(4, 3), b: new Linear(3, 3) });
    large.materialize(cpu, 5);
    expect(values(small, "a.weight")).toEqual(values(large, "a.weight"));
    expect(values(new Sequential({ a: new Linear(4, 3) }).materialize(cpu, 6), "a.weight")).not.toEqual(
      values(small, "a.weight"),
    );
    expect(values(new Sequential({ b: new Linear(4, 3) }).materialize(cpu, 5), "b.weight")).not.toEqual(
      values(small, "a.weight"),
    );
  });

  it("leaves alone what has memory, and gives buffers their first values", () => {
    const norm = new BatchNorm2d(2);
    norm.materialize(cpu);
    computed(norm.runningMean?.value).fill_(9);
    norm.materialize(cpu, 1);
    expect([...computed(norm.runningMean?.value).data()]).toEqual([9, 9]);
    expect([...computed(norm.runningVar?.value).data()]).toEqual([1, 1]);
    expect([...computed(norm.numBatchesTracked?.value).data()]).toEqual([0n]);
  });

  it("a use before it is an error that says what to do; release frees all", () => {
    const before = memory().tensors;
    const linear = new Linear(2, 2);
    expect(linear.weight.materialized).toBe(false);
    expect(() => linear.stateDict()).toThrow(expect.objectContaining({ code: "NOT_MATERIALIZED" }));
    linear.materialize(cpu);
    expect(memory().tensors).toBe(before + 2);
    linear.release();
    expect(memory().tensors).toBe(before);
    expect(linear.weight.materialized).toBe(false);
  });
});

describe("loadStateDict", () => {
  const build = () => new Sequential({ fc: new Linear(2, 2), norm: new BatchNorm2d(2) });
  const snapshot = (module: Module) =>
    [...module.stateDict()].map(([name, value]) => [name, [...computed(value).dataAs("float64")]]);

  it("carries every value over, into fresh and into materialised modules", () => {
    const source = build().materialize(cpu, 1);
    computed(source.stateDict().get("norm.num_batches_tracked")).fill_(12);
    for (const target of [build(), build().materialize(cpu, 2)]) {
      target.loadStateDict(source.stateDict());
      expect(snapshot(target)).toEqual(snapshot(source));
    }
  });

  it("makes copies: the two networks train apart", () => {
    const source = build().materialize(cpu, 1);
    for (const target of [build(), build().materialize(cpu, 2)]) {
      target.loadStateDict(source.stateDict());
      const weight = TorchTensor.of([...target.parameters()][0]?.[1] ?? tensor([0]));
      const original = TorchTensor.of([...source.parameters()][0]?.[1] ?? tensor([0]));
      expect([weight.isLeaf, weight.requiresGrad]).toEqual([true, true]);
      computed(weight.mul(weight).sum()).backward();
      expect(weight.grad).not.toBeNull();
      expect(original.grad).toBeNull();
      expect(original.requiresGrad).toBe(true);
      const before = original.data();
      weight.detach().fill_(5);
      expect(original.data()).toEqual(before);
    }
  });

  it("lists everything that does not fit, and changes nothing", () => {
    const target = build().materialize(cpu, 1);
    const before = snapshot(target);
    const state = new Map(build().materialize(cpu, 2).stateDict());
    state.delete("fc.bias");
    state.delete("norm.running_mean");
    state.set("head.weight", tensor([1]));
    state.set("fc.weight", tensor([1, 2, 3, 4, 5, 6], [3, 2]));
    const load = (options?: { strict: boolean }) => () => target.loadStateDict(state, options);
    expect(load()).toThrow(StateDictError);
    expect(load()).toThrow(
      [
        "The weights do not fit the network:",
        "  missing: fc.bias, norm.running_mean",
        "  unexpected: head.weight",
        "  of another shape or type: fc.weight (weights [3, 2], network [2, 2])",
      ].join("\n"),
    );
    expect(snapshot(target)).toEqual(before);
    // Shapes must fit all the same, and then only they are listed.
    expect(load({ strict: false })).toThrow(
      expect.objectContaining({ missing: [], unexpected: [], misshaped: [expect.stringContaining("fc.weight")] }),
    );
    expect(snapshot(target)).toEqual(before);
  });

  it.each([
    ["missing", (state: Map<string, TorchTensor>) => state.delete("fc.bias"), "missing: fc.bias"],
    ["unexpected", (state: Map<string, TorchTensor>) => state.set("head.bias", tensor([1])), "unexpected: head.bias"],
  ])("a name that is %s alone is enough", (_, change, message) => {
    const state = new Map([...build().materialize(cpu).stateDict()].map(([name, value]) => [name, computed(value)]));
    change(state);
    expect(() => build().loadStateDict(state)).toThrow(message);
  });

  it("passes over names of one side where it is not strict", () => {
    const target = build().materialize(cpu, 1);
    const before = snapshot(target);
    target.loadStateDict(
      new Map([
        ["fc.bias", tensor([4, 5])],
        ["other", tensor([1])],
      ]),
      { strict: false },
    );
    expect(snapshot(target)).toEqual(before.map(([name, values]) => [name, name === "fc.bias" ? [4, 5] : values]));
  });

  it("converts another type where there is memory, and refuses it where there is none", () => {
    const state = new Map([
      ["weight", tensor([1, 2], [1, 2], { dtype: "float16" })],
      ["bias", tensor([3])],
    ]);
    const target = new Linear(2, 1);
    expect(() => target.loadStateDict(state)).toThrow("weight (weights float16, network float32)");
    expect(target.bias?.materialized).toBe(false);
    target.materialize(cpu).loadStateDict(state);
    expect([...computed(target.weight.value).data()]).toEqual([1, 2]);
    expect(computed(target.weight.value).dtype).toBe("float32");
  });
});

it("memory outlives the scope that it was taken in, by materialising or by loading", () => {
  const [made, loaded] = scope(() => {
    const made = { module: new Linear(2, 1).materialize(cpu, 1) };
    const loaded = { module: new Linear(2, 1) };
    loaded.module.loadStateDict(made.module.stateDict());
    return [made.module, loaded.module];
  });
  if (!made || !loaded) throw new Error("the scope returned nothing");
  const values = (module: Module) =>
    [...module.stateDict()].map(([name, value]) => [name, [...computed(value).data()]]);
  expect(values(loaded)).toEqual(values(made));
});
