import { describe, expect, it } from "vitest";
import {
  computed,
  expectClose,
  expectSketch,
  fillByPlace,
  readGolden,
  type Sketch,
  waves,
} from "../../test/support/golden.js";
import type { Shape } from "../tensor/index.js";
import { grad, manualSeed } from "../tensor/torch/index.js";
import {
  AdaptiveAvgPool2d,
  AdaptiveMaxPool2d,
  AvgPool2d,
  activation,
  activationNames,
  BatchNorm2d,
  Conv2d,
  ConvNormAct,
  Dropout,
  Flatten,
  FusedMBConv,
  GELU,
  GroupNorm,
  Identity,
  LayerNorm,
  LeakyReLU,
  Linear,
  MaxPool2d,
  MBConv,
  type Module,
  SqueezeExcitation,
  stage,
} from "./index.js";

interface Case {
  name: string;
  training: boolean;
  input: number[];
  scale: number;
  state: Record<string, Shape>;
  shape: number[];
  output: Sketch;
  gradient: Sketch;
  buffers: Record<string, number[]>;
}

const golden = readGolden<{ cases: Case[] }>("layers").cases;
const noDrop = { drop: null };

/** The same layers as in `test/golden/layers.py`. Dropout is off in blocks that are compared in training. */
const layers: Record<string, () => Module> = {
  "conv 3x3": () => new Conv2d(4, 3, 3, { padding: 1 }),
  "conv default padding": () => new Conv2d(4, 3, 2),
  "conv uneven": () => new Conv2d(4, 3, [3, 5], { stride: [2, 1], padding: [1, 2], bias: false }),
  "conv groups": () => new Conv2d(4, 6, 3, { groups: 2 }),
  "conv depthwise dilated": () => new Conv2d(4, 4, 3, { padding: 2, dilation: 2, groups: 4 }),
  "conv same 3": () => new Conv2d(4, 3, 3, { padding: "same" }),
  "conv same 4": () => new Conv2d(4, 3, 4, { padding: "same" }),
  "conv same 5 dilated": () => new Conv2d(4, 2, [5, 2], { padding: "same", dilation: [1, 3] }),
  "conv same 3 stride 2": () => new Conv2d(4, 3, 3, { padding: "same", stride: 2 }),
  "conv same 4 stride 2": () => new Conv2d(4, 3, 4, { padding: "same", stride: 2 }),
  "conv same 5 stride 3": () => new Conv2d(4, 3, 5, { padding: "same", stride: 3 }),
  linear: () => new Linear(6, 5),
  "linear no bias": () => new Linear(6, 5, { bias: false }),
  "batch norm train": () => new BatchNorm2d(4),
  "batch norm eval": () => new BatchNorm2d(4, { eps: 1e-3 }),
  "batch norm momentum": () => new BatchNorm2d(4, { momentum: 0.3 }),
  "batch norm average": () => new BatchNorm2d(4, { momentum: null }),
  "batch norm plain": () => new BatchNorm2d(4, { affine: false }),
  "batch norm untracked": () => new BatchNorm2d(4, { trackRunningStats: false }),
  "group norm": () => new GroupNorm(2, 4),
  "group norm plain": () => new GroupNorm(4, 4, { eps: 1e-2, affine: false }),
  "layer norm": () => new LayerNorm(6),
  "layer norm image": () => new LayerNorm([4, 7, 6], { eps: 1e-2 }),
  "layer norm plain": () => new LayerNorm([7, 6], { affine: false }),
  "max pool": () => new MaxPool2d(3, { stride: 2, padding: 1 }),
  "max pool default": () => new MaxPool2d([2, 3]),
  "max pool ceil": () => new MaxPool2d(2, { stride: 2, ceilMode: true }),
  "max pool ceil padded": () => new MaxPool2d(3, { padding: 1, ceilMode: true }),
  "max pool dilated": () => new MaxPool2d(2, { stride: 1, dilation: 2 }),
  "average pool": () => new AvgPool2d(2),
  "average pool padded": () => new AvgPool2d(3, { stride: 2, padding: 1 }),
  "average pool without padding": () => new AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
  "average pool ceil": () => new AvgPool2d(2, { ceilMode: true }),
  "average pool ceil padded": () => new AvgPool2d(3, { padding: 1, ceilMode: true }),
  "adaptive average 1": () => new AdaptiveAvgPool2d(1),
  "adaptive average": () => new AdaptiveAvgPool2d([3, 2]),
  "adaptive max": () => new AdaptiveMaxPool2d([3, 4]),
  flatten: () => new Flatten(),
  "flatten part": () => new Flatten(2, 3),
  relu: () => activation("relu"),
  relu6: () => activation("relu6"),
  leakyRelu: () => activation("leakyRelu"),
  "leakyRelu 0.2": () => new LeakyReLU(0.2),
  silu: () => activation("silu"),
  gelu: () => activation("gelu"),
  "gelu tanh": () => new GELU("tanh"),
  sigmoid: () => activation("sigmoid"),
  tanh: () => activation("tanh"),
  hardsigmoid: () => activation("hardsigmoid"),
  hardswish: () => activation("hardswish"),
  identity: () => new Identity(),
  "dropout eval": () => new Dropout(0.5),
  "conv norm act": () => new ConvNormAct(4, 5, { stride: 2 }),
  "squeeze excitation": () => new SqueezeExcitation(4),
  "squeeze excitation hard": () =>
    new SqueezeExcitation(8, { squeezeChannels: 3, activation: "relu", gate: "hardsigmoid" }),
  "MBConv defaults": () => new MBConv(8, 8, {}),
  "MBConv defaults train": () => new MBConv(8, 8, noDrop),
  "MBConv skip": () => new MBConv(8, 8, { stride: 1 }),
  "MBConv k5 e6": () => new MBConv(8, 16, { expansion: 6, kernel: 5 }),
  "MBConv e1": () => new MBConv(8, 16, { expansion: 1, stride: 1 }),
  "MBConv no squeeze": () => new MBConv(8, 8, { stride: 1, squeeze: null, skip: false, activation: "relu6" }),
  "FusedMBConv defaults": () => new FusedMBConv(8, 8, {}),
  "FusedMBConv defaults train": () => new FusedMBConv(8, 8, noDrop),
  "FusedMBConv skip": () => new FusedMBConv(8, 8, { stride: 1, squeeze: 0.5 }),
  "FusedMBConv e1": () => new FusedMBConv(8, 16, { expansion: 1, stride: 1 }),
  "stage MBConv": () => stage(MBConv, 3, 8, 16),
  "stage FusedMBConv": () => stage(FusedMBConv, 2, 8, 8, { stride: 1 }),
  "torchvision MBConv skip": () => new MBConv(8, 8, { stride: 1, drop: { stochasticDepth: 0.2 } }),
  "torchvision MBConv": () => new MBConv(8, 16, { expansion: 6, kernel: 5, drop: { stochasticDepth: 0.2 } }),
  "torchvision MBConv e1": () => new MBConv(8, 16, { expansion: 1, stride: 1 }),
  "torchvision FusedMBConv": () => new FusedMBConv(8, 16, { squeeze: null }),
  "torchvision FusedMBConv e1": () => new FusedMBConv(8, 8, { expansion: 1, stride: 1, squeeze: null }),
};

describe("layers agree with PyTorch", () => {
  it("all of them", () => {
    expect(Object.keys(layers)).toEqual(golden.map(({ name }) => name));
    expect(golden.map(({ name }) => name)).toEqual(expect.arrayContaining([...activationNames]));
  });

  it.each(golden)("$name", (expected) => {
    const module = layers[expected.name]?.();
    if (!module) throw new Error("no such layer");
    fillByPlace(module);
    expect(Object.fromEntries([...module.stateDict()].map(([name, { shape }]) => [name, shape]))).toEqual(
      expected.state,
    );
    expect([...module.stateDict().keys()]).toEqual(Object.keys(expected.state));

    module.train(expected.training);
    if (expected.training) module.forward(waves(expected.input, 1, expected.scale));
    const x = waves(expected.input, 2, expected.scale);
    x.requiresGrad = true;
    const y = computed(module.forward(x));
    expect(y.shape).toEqual(expected.shape);
    expectSketch(y.dataAs("float32"), expected.output, 1e-5);
    const [gradient] = grad([y], [x], { gradients: [waves(y.shape, 3)] });
    expectSketch(computed(gradient).dataAs("float32"), expected.gradient, 2e-5);
    for (const [name, buffer] of module.buffers()) {
      const golden = expected.buffers[name];
      // Means near 0 of values near 1: a rounding of the values is 5e-6 of the mean.
      if (golden) expectClose(computed(buffer.value).dataAs("float64"), golden, 5e-6);
      else expect(expected.training).toBe(false);
    }
  });
});

it("the assignment's defaults: expansion 4, stride 2, squeeze 0.25, dropout 0.1", () => {
  for (const Block of [MBConv, FusedMBConv]) {
    const block = new Block(16, 24, {});
    const shapes = new Map([...block.parameters()].map(([name, { shape }]) => [name, shape]));
    expect(shapes.get("block.0.0.weight")?.[0]).toBe(64);
    expect(shapes.get(Block === MBConv ? "block.2.fc1.weight" : "block.1.fc1.weight")).toEqual([4, 64, 1, 1]);
    expect(block.skip).toBe(false);
    expect(block.drop).toBeInstanceOf(Dropout);
    expect(block.drop).toHaveProperty("p", 0.1);
    fillByPlace(block);
    manualSeed(1);
    const [a, b] = [block.forward(waves([1, 16, 9, 8], 1)), block.forward(waves([1, 16, 9, 8], 1))];
    expect(a.shape).toEqual([1, 24, 5, 4]);
    expect(computed(a).data()).not.toEqual(computed(b).data());
  }
});
