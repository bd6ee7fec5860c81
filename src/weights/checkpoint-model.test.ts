import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { computed, expectClose, waves } from "../../test/support/golden.js";
import { FileError } from "../errors.js";
import { CifarDenseNet, CifarGoogLeNet, CifarResNet, createModel } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { device, noGrad, scope } from "../tensor/torch/index.js";
import { hyperParametersKey, modelFromCheckpoint, saveWeights } from "./index.js";

/** Hyper-parameters as the tutorial's Lightning module saves them. */
const uva = (name: string, hparams: Record<string, unknown>) => ({
  [hyperParametersKey]: JSON.stringify({ model_name: name, model_hparams: hparams, optimizer_name: "SGD" }),
});

describe("the network of a checkpoint", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fovea-checkpoint-model-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const cases: [string, () => Module, Record<string, string>, string][] = [
    [
      "Fovea's own metadata",
      () => createModel("cifar_resnet20", { classes: 3 }),
      { model: "cifar_resnet20", classes: '["a","b","c"]' },
      "cifar_resnet20",
    ],
    [
      "GoogleNet",
      () => new CifarGoogLeNet({ activation: "tanh" }),
      uva("GoogleNet", { num_classes: 10, act_fn_name: "tanh" }),
      "cifar_googlenet",
    ],
    [
      "ResNet",
      () => new CifarResNet({ classes: 4, blocks: [2, 1], widths: [8, 16] }),
      uva("ResNet", { num_classes: 4, num_blocks: [2, 1], c_hidden: [8, 16], act_fn_name: "relu" }),
      "cifar_resnet20",
    ],
    [
      "ResNet of PreActResNetBlock",
      () => new CifarResNet({ block: "preActivation", blocks: [1, 1], widths: [8, 16] }),
      uva("ResNet", { block_name: "PreActResNetBlock", num_blocks: [1, 1], c_hidden: [8, 16] }),
      "cifar_resnet20",
    ],
    [
      "ResNetPreAct",
      () => new CifarResNet({ block: "preActivation" }),
      uva("ResNetPreAct", { num_classes: 10 }),
      "cifar_preact_resnet20",
    ],
    [
      "DenseNet",
      () => new CifarDenseNet({ layers: [2, 2], growthRate: 8, bottleneck: 4, activation: "gelu" }),
      uva("DenseNet", { num_layers: [2, 2], growth_rate: 8, bn_size: 4, act_fn_name: "gelu" }),
      "cifar_densenet",
    ],
  ];

  it.each(cases)("is rebuilt from %s", (_, build, metadata, name) =>
    scope(() => {
      const path = join(folder, "weights.safetensors");
      const network = build().materialize(device(), 7).eval();
      saveWeights(path, network, metadata);
      const { model, entry, classes } = modelFromCheckpoint(path);
      expect(entry.name).toBe(name);
      expect(classes).toEqual(metadata.classes === undefined ? undefined : ["a", "b", "c"]);
      expect(model.training).toBe(false);
      const x = waves([1, 3, 32, 32], 1);
      const run = (net: Module) => computed(noGrad(() => net.forward(x))).dataAs("float32");
      expectClose(run(model), run(network), 0);
    }),
  );

  it("is the one that is named, with as many classes as the weights have", () =>
    scope(() => {
      for (const path of [join(folder, "plain.safetensors"), join(folder, "plain.pt")]) {
        saveWeights(path, createModel("squeezenet1_1", { classes: 6 }).materialize(device()));
        const { model } = modelFromCheckpoint(path, { model: "squeezenet1_1" });
        expect(model.stateShapes().get("classifier.1.weight")).toEqual([6, 512, 1, 1]);
      }
    }));

  it("is asked for where the file does not tell, and where it tells wrongly", () =>
    scope(() => {
      const path = join(folder, "other.safetensors");
      const network = createModel("cifar_resnet20").materialize(device());
      const attempt = (metadata: Record<string, string>, model?: string) => () => {
        saveWeights(path, network, metadata);
        modelFromCheckpoint(path, { model });
      };
      expect(attempt({})).toThrow(FileError);
      expect(attempt({})).toThrow(expect.objectContaining({ hint: expect.stringContaining("--model") }));
      expect(attempt(uva("VGG", {}))).toThrow('names a network "VGG" that is not known');
      expect(attempt({ model: "vgg" })).toThrow('names a network "vgg" that is not known');
      expect(attempt(uva("ResNet", { num_blocks: [1, 1, 1] }))).toThrow("do not fit the network");
      expect(attempt({}, "cifar_googlenet")).toThrow("do not fit the network");
      expect(attempt({}, "vgg")).toThrow('There is no network named "vgg".');
    }));
});
