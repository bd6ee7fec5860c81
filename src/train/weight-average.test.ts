import { describe, expect, it } from "vitest";
import { computed, expectClose, readGolden, waves } from "../../test/support/golden.js";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { BatchNorm2d, Conv2d, CrossEntropyLoss, Linear, type Module, Sequential } from "../nn/index.js";
import { AdamW } from "../optim/index.js";
import { device, memory, noGrad, scope, TorchTensor, tensor } from "../tensor/torch/index.js";
import { evaluate } from "./evaluate.js";
import { WeightAverage } from "./weight-average.js";

type State = Record<string, number[]>;

const golden = readGolden<Record<"mean" | "ema" | "ema warm-up", State>>("averages");

/** The network of `test/golden/averages.py`. */
function network(): Sequential {
  const built = new Sequential(new Conv2d(2, 3, 1), new BatchNorm2d(3), new Linear(3, 2));
  return built.materialize(device()).to({ dtype: "float64" });
}

/** Its values at an update. */
function fill(model: Module, update: number): void {
  noGrad(() =>
    scope(() => {
      for (const [i, [name, value]] of [...model.stateDict()].entries()) {
        if (name.endsWith("num_batches_tracked")) value.copy_(tensor(10 + update, []));
        else value.copy_(waves(value.shape, 31 * update + i));
      }
    }),
  );
}

/** The bits of a network's state. */
function stateOf(model: Module): State {
  return numbersOf(new Map([...model.stateDict()].map(([name, value]) => [name, computed(value)])));
}

function numbersOf(tensors: ReadonlyMap<string, TorchTensor>): State {
  return Object.fromEntries([...tensors].map(([name, value]) => [name, Array.from(value.data(), Number)]));
}

function step(model: Module, optimizer: AdamW, salt: number): void {
  scope(() => {
    optimizer.zeroGrad();
    const loss = new CrossEntropyLoss().forward(
      model.forward(waves([4, 3, 5, 5], salt)),
      tensor(BigInt64Array.of(0n, 1n, 1n, 0n), [4]),
    );
    computed(loss).backward();
  });
  optimizer.step();
}

describe("WeightAverage", () => {
  it.each([
    ["mean", { name: "mean" }],
    ["ema", { name: "ema", decay: 0.7, warmUp: false }],
    ["ema warm-up", { name: "ema", decay: 0.3, warmUp: true }],
  ] as const)("is torch's AveragedModel in float64: %s", (name, rule) => {
    const model = network();
    const average = new WeightAverage(model, rule);
    for (let update = 0; update < 6; update++) {
      expect(average.updates).toBe(update);
      fill(model, update);
      average.update();
    }
    const { "1.num_batches_tracked": tracked, ...floats } = numbersOf(average.tensors());
    expect(tracked).toEqual([15]);
    expect(Object.keys(floats).sort()).toEqual(Object.keys(golden[name]).sort());
    for (const [key, values] of Object.entries(golden[name])) expectClose(floats[key] ?? [], values, 1e-12);
  });

  it("takes in weights by the warm-up's shares: by hand", () => {
    const model = new Linear(1, 1, { bias: false }).materialize(device()).to({ dtype: "float64" });
    const average = new WeightAverage(model, { name: "ema", decay: 0.25, warmUp: true });
    let expected = Number.NaN;
    for (const [n, weight] of [3, -1, 8, 2, 5].entries()) {
      noGrad(() => computed(model.weight.value).fill_(weight));
      average.update();
      // 1/10, 2/11, 3/12 = 0.25, and then the decay itself.
      const decay = Math.min(0.25, (1 + n) / (10 + n));
      expected = n === 0 ? weight : decay * expected + (1 - decay) * weight;
      expect(average.tensors().get("weight")?.item()).toBeCloseTo(expected, 14);
    }
  });

  it("keeps the bits of what does not change, over many updates", () => {
    const model = new Linear(50, 40).materialize(device(), 3);
    const before = stateOf(model);
    for (const rule of [{ name: "mean" }, { name: "ema", decay: 0.999, warmUp: true }] as const) {
      const average = new WeightAverage(model, rule);
      for (let update = 0; update < 50; update++) average.update();
      expect(numbersOf(average.tensors())).toEqual(before);
    }
  });

  it("lends the network its weights and gives it back its own, bit for bit, with what is frozen", async () => {
    const model = new TinyNet().materialize(device(), 5);
    const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
    const average = new WeightAverage(model, { name: "ema", decay: 0.5, warmUp: false });
    for (let i = 0; i < 3; i++) {
      step(model, optimizer, i);
      average.update();
    }
    const [[, frozen] = [undefined, undefined]] = [...model.parameters()];
    if (!frozen) throw new Error("no parameters");
    frozen.trainable = false;
    const own = stateOf(model);
    const averaged = numbersOf(average.tensors());
    const ids = [...model.parameters()].map(([, parameter]) => TorchTensor.of(parameter).id);

    const validation = loaderOf(twoColors(20, "validation"));
    const { loss } = await evaluate(model, validation);
    const seen = await average.apply(async () => {
      expect(stateOf(model)).toEqual(averaged);
      expect(numbersOf(average.tensors())).toEqual(averaged);
      return (await evaluate(model, validation)).loss;
    });
    expect(seen).not.toBe(loss);
    expect(stateOf(model)).toEqual(own);
    expect([...model.parameters()].map(([, { trainable, value }]) => [trainable, value.requiresGrad])).toEqual(
      ids.map((_, i) => [i > 0, i > 0]),
    );
    expect([...model.parameters()].map(([, parameter]) => TorchTensor.of(parameter).id)).toEqual(ids);
    expect((await evaluate(model, validation)).loss).toBe(loss);

    // Whatever the body did to the network, and however it ended.
    const failed = average.apply(async () => {
      model.train();
      scope(() => model.forward(waves([4, 3, 5, 5], 9)));
      await Promise.resolve();
      throw new Error("full disk");
    });
    await expect(failed).rejects.toThrow("full disk");
    expect(stateOf(model)).toEqual(own);
    expect(numbersOf(average.tensors())).toEqual(averaged);
  });

  it("does not change a training that it watches", async () => {
    const train = async (watched: boolean) => {
      const model = new TinyNet().materialize(device(), 5);
      // No dropout: its random numbers are the Trainer's business.
      model.eval();
      const optimizer = new AdamW(model.parameters(), { learningRate: 0.05 });
      const average = new WeightAverage(model, { name: "ema", decay: 0.9, warmUp: true });
      for (let i = 0; i < 6; i++) {
        step(model, optimizer, i);
        if (!watched) continue;
        average.update();
        await average.apply(async () => scope(() => model.forward(waves([2, 3, 5, 5], 7))));
      }
      return stateOf(model);
    };
    expect(await train(true)).toEqual(await train(false));
  });

  it("goes on where another one stopped", () => {
    const rule = { name: "ema", decay: 0.9, warmUp: true } as const;
    const [one, two] = [network(), network()];
    const [whole, first] = [new WeightAverage(one, rule), new WeightAverage(one, rule)];
    for (let update = 0; update < 3; update++) {
      fill(one, update);
      whole.update();
      first.update();
    }
    const second = new WeightAverage(two, rule);
    second.load(first.tensors(), first.updates);
    const saved = numbersOf(first.tensors());
    expect(second.updates).toBe(3);
    for (let update = 3; update < 6; update++) {
      fill(one, update);
      fill(two, update);
      whole.update();
      second.update();
    }
    expect(numbersOf(second.tensors())).toEqual(numbersOf(whole.tensors()));
    expect(numbersOf(first.tensors())).toEqual(saved);

    second.load(new Map(), 0);
    expect([second.updates, second.tensors().size]).toEqual([0, 0]);
    second.update();
    expect(numbersOf(second.tensors())).toEqual(stateOf(two));
  });

  it("refuses averages of another network, a decay out of range, and to lend what there is not", async () => {
    const model = new Linear(2, 2).materialize(device());
    const average = new WeightAverage(model, { name: "mean" });
    const own = stateOf(model);
    await expect(average.apply(async () => 1)).rejects.toMatchObject({ code: "STATE" });
    expect(stateOf(model)).toEqual(own);
    const weight = tensor(new Float32Array(6), [2, 3]);
    expect(() => average.load(new Map([["weight", weight]]), 2)).toThrow(
      expect.objectContaining({
        code: "ARGUMENT",
        message:
          "the averaged weights do not fit the network: bias is missing, weight (average [2, 3], network [2, 2])",
      }),
    );
    expect(() => average.load(new Map([["other", weight]]), 0)).toThrow("other");
    expect(average.tensors().size).toBe(0);
    expect(() => new WeightAverage(model, { name: "ema", decay: 1, warmUp: false })).toThrow("below 1");
  });

  it("leaves no tensors behind", async () => {
    const model = new TinyNet().materialize(device(), 1);
    const average = new WeightAverage(model, { name: "ema", decay: 0.9, warmUp: false });
    const before = memory().tensors;
    average.update();
    const state = model.stateDict().size;
    expect(memory().tensors).toBe(before + state);
    for (let i = 0; i < 3; i++) average.update();
    await average.apply(async () => expect(memory().tensors).toBe(before + 2 * state));
    average.load(average.tensors(), 4);
    expect(memory().tensors).toBe(before + state);
    average.release();
    expect([memory().tensors, average.updates]).toEqual([before, 0]);
  });
});
