import { describe, expect, it } from "vitest";
import { computed } from "../../test/support/golden.js";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { BatchNorm2d, Conv2d, CrossEntropyLoss, Module } from "../nn/index.js";
import { AdamW, type Optimizer, SGD } from "../optim/index.js";
import type { Tensor } from "../tensor/index.js";
import { device, scope, tensor } from "../tensor/torch/index.js";
import type { Callback, FitContext } from "./callback.js";
import { imagesOf } from "./evaluate.js";
import { Finetuning, groupsOf, matchesAny } from "./finetuning.js";

const loader = loaderOf(twoColors(20, "train"));

function fitOf(model: Module, optimizer: Optimizer): FitContext {
  const nothing = () => {
    throw new Error("nobody asks for it");
  };
  return { model, optimizer, epochs: 9, batches: loader.batches, stop: nothing, state: nothing };
}

/** Trains as the Trainer does: the network in training mode, then the callback, then the steps. */
async function epochOf(model: Module, optimizer: Optimizer, callback: Callback, epoch: number): Promise<void> {
  model.train();
  await callback.onTrainEpochStart?.(epoch, 9);
  for await (const batch of loader.epoch(epoch - 1)) {
    scope(() => {
      const logits = model.forward(imagesOf(batch, "nchw", "cpu"));
      const loss = new CrossEntropyLoss().forward(logits, tensor(batch.labels, [batch.labels.length]));
      optimizer.zeroGrad();
      computed(loss).backward();
      optimizer.step();
    });
  }
}

/** Names of what has other bits now. */
function changed(model: Module, before: Map<string, string>): string[] {
  return [...bitsOf(model)].filter(([name, bits]) => before.get(name) !== bits).map(([name]) => name);
}

function bitsOf(model: Module): Map<string, string> {
  return new Map([...model.stateDict()].map(([name, value]) => [name, String(value.data())]));
}

describe("matchesAny", () => {
  it.each([
    ["features", "features.0.0.weight", true],
    ["features", "features", true],
    ["features", "features2.weight", false],
    ["features.1", "features.10.weight", false],
    ["weight", "features.0.weight", false],
    ["features.0.*", "features.0.1.bias", true],
    ["features.0.*", "features.01.bias", false],
    ["*.bias", "features.0.1.bias", true],
    ["*.bias", "bias", false],
    ["*.bias", "head.bias.scale", false],
    ["*.1.*", "features.1.weight", true],
    ["*", "features.0.weight", true],
    ["features.*.weight", "features.3.block.0.weight", true],
    // A dot is a dot.
    ["features.0*", "featuresX0.weight", false],
    ["a(b.*", "a(b.weight", true],
  ])("%s: %s %s", (pattern, name, expected) => {
    expect(matchesAny(name, [pattern])).toBe(expected);
    expect(matchesAny(name, ["nothing.like.it", pattern])).toBe(expected);
    expect(matchesAny(name, [])).toBe(false);
  });
});

describe("Finetuning", () => {
  it("keeps what is frozen bit for bit, statistics too, and trains it from its epoch on", async () => {
    const model = new TinyNet().materialize(device(), 2);
    // Decay and momentum must not move frozen weights either.
    const optimizer = new SGD(model.parameters(), { learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 });
    const callback = new Finetuning({
      freeze: ["net.0", "net.1.*"],
      unfreeze: [
        { epoch: 4, match: ["net.0.*"] },
        { epoch: 3, match: ["net.1"] },
      ],
    });
    callback.onFitStart(fitOf(model, optimizer));
    expect(model.parameterCount({ trainableOnly: true })).toBe(6 * 2 + 2);

    const head = ["net.6.weight", "net.6.bias"];
    const norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map(
      (name) => `net.1.${name}`,
    );
    const everything = [...model.stateDict().keys()];
    for (const [i, expected] of [head, head, [...norm, ...head], everything, everything].entries()) {
      const before = bitsOf(model);
      await epochOf(model, optimizer, callback, i + 1);
      expect(changed(model, before), `epoch ${i + 1}`).toEqual(expected);
    }
    expect([...model.modules()].every(([, { training }]) => training)).toBe(true);
  });

  it("freezes anew after evaluation and at every epoch, also where training goes on later", async () => {
    const settings = { freeze: ["net.0", "net.1"], unfreeze: [{ epoch: 3, match: ["net.1"] }] };
    const model = new TinyNet().materialize(device(), 2);
    const optimizer = new AdamW(model.parameters(), { learningRate: 0.01 });
    const callback = new Finetuning(settings);
    callback.onFitStart(fitOf(model, optimizer));
    const norm = [...model.modules()].find(([, module]) => module instanceof BatchNorm2d)?.[1];
    for (const [epoch, training] of [
      [1, false],
      [2, false],
      [3, true],
      [7, true],
    ] as const) {
      model.train();
      callback.onTrainEpochStart(epoch);
      expect(norm?.training).toBe(training);
      expect([...model.parameters()].filter(([, { trainable }]) => !trainable).map(([name]) => name)).toEqual(
        training ? ["net.0.weight", "net.0.bias"] : ["net.0.weight", "net.0.bias", "net.1.weight", "net.1.bias"],
      );
    }
  });

  it("leaves a norm in training whose parameters are not all frozen, and what it does not name", () => {
    const model = new TinyNet().materialize(device(), 2);
    const [, [, elsewhere] = [undefined, undefined]] = [...model.parameters()];
    if (elsewhere) elsewhere.trainable = false;
    const callback = new Finetuning({ freeze: ["net.1.bias"], unfreeze: [] });
    callback.onFitStart(fitOf(model, new SGD(model.parameters(), { learningRate: 1 })));
    expect([...model.modules()].every(([, { training }]) => training)).toBe(true);
    expect([...model.parameters()].filter(([, { trainable }]) => !trainable).map(([name]) => name)).toEqual([
      "net.0.bias",
      "net.1.bias",
    ]);
  });

  it("tells of a pattern that matches nothing, with the nearest one", () => {
    class Named extends Module {
      readonly features = new Conv2d(3, 4, 3);
      readonly classifier = new Conv2d(4, 2, 1);
      forward(x: Tensor): Tensor {
        return this.classifier.forward(this.features.forward(x));
      }
    }
    const model = new Named().materialize(device());
    const fit = fitOf(model, new SGD(model.parameters(), { learningRate: 1 }));
    const start = (freeze: string[], match = ["features"]) =>
      new Finetuning({ freeze, unfreeze: [{ epoch: 2, match }] }).onFitStart(fit);
    const refused = (freeze: string, hint: string) =>
      expect(() => start(["features", freeze])).toThrow(
        expect.objectContaining({
          code: "ARGUMENT",
          message: `finetune.freeze: no parameter of the network matches "${freeze}"`,
          hint,
        }),
      );
    refused("featurs", "Did you mean features?");
    refused("feature.weight", "Did you mean features.weight?");
    refused("featurs.*", "Did you mean features.*?");
    refused("*.bais", "Did you mean *.bias?");
    refused("backbone", "The network consists of features, classifier.");
    expect(() => start(["features"], ["clasifier"])).toThrow(
      expect.objectContaining({
        message: 'finetune.unfreeze: no parameter of the network matches "clasifier"',
        hint: "Did you mean classifier?",
      }),
    );
    expect(() => start(["*"])).toThrow("all parameters of the network are frozen");
  });
});

describe("groupsOf", () => {
  it("gives an optimiser rates and decays by name", () => {
    const model = new TinyNet().materialize(device(), 2);
    const groups = groupsOf(
      [
        { match: ["net.0", "net.1"], rate: 0 },
        { match: ["*.bias"], weightDecay: 0 },
      ],
      model,
    );
    expect(groups.map(({ rate, weightDecay }) => [rate, weightDecay])).toEqual([
      [0, undefined],
      [undefined, 0],
    ]);
    expect(
      [...model.parameters()].map(([name, parameter]) => groups.map((group) => group.has(name, parameter))),
    ).toEqual([
      [true, false],
      [true, true],
      [true, false],
      [true, true],
      [false, false],
      [false, true],
    ]);
    const before = bitsOf(model);
    const optimizer = new SGD(model.parameters(), { learningRate: 0.1, weightDecay: 0.1, groups });
    for (const [, parameter] of model.parameters()) computed(parameter.value).grad = computed(parameter.value).detach();
    optimizer.step();
    expect(changed(model, before)).toEqual(["net.6.weight", "net.6.bias"]);
  });

  it("tells of a pattern that matches nothing", () => {
    const model = new TinyNet().materialize(device(), 2);
    expect(() => groupsOf([{ match: ["net.6"] }, { match: ["net.9.weight"] }], model)).toThrow(
      'optimizer.groups: no parameter of the network matches "net.9.weight"',
    );
  });
});
