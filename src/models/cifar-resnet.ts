import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Flatten,
  type init,
  Linear,
  Module,
  type NormFactory,
  residual,
  Sequential,
  StochasticDepth,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { kaimingFor } from "./activation-gain.js";
import { CIFAR10_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * The residual networks of He et al. 2016 (arXiv 1512.03385, section 4.2) for 32x32 images, and their version with
 * pre-activation (arXiv 1603.05027), as the UvA deep-learning tutorial 5 builds them: three groups of 16, 32 and 64
 * channels, and a 1x1 convolution beside the block that begins a group by halving the image. Depth 6n + 2 for n blocks
 * in a group.
 */
export interface CifarResNetOptions extends ModelOptions {
  /** `residual`: convolution, norm, activation, and an activation after the sum; `preActivation`: norm, activation, convolution. */
  block?: keyof typeof blocksByName;
  /** Blocks in each group; default [3, 3, 3]. */
  blocks?: readonly number[];
  /** Channels of each group; default [16, 32, 64]. */
  widths?: readonly number[];
}

/** What the layers of all blocks have in common. */
interface Layers {
  act: () => Module;
  norm: NormFactory;
  init: init.Initializer;
}

/** A block changes the width only where it halves the image. */
interface BlockShape {
  inChannels: number;
  outChannels: number;
  halve: boolean;
  /** Probability of leaving the branch out. */
  drop: number;
}

class ResNetBlock extends Module {
  readonly net: Sequential;
  readonly drop: StochasticDepth | null;
  /** With bias and without norm, unlike the paper's. */
  readonly downsample: Conv2d | null;
  readonly actFn: Module;

  constructor({ inChannels, outChannels, halve, drop }: BlockShape, { act, norm, init }: Layers) {
    super();
    this.net = new Sequential(
      new Conv2d(inChannels, outChannels, 3, { stride: halve ? 2 : 1, padding: 1, bias: false, init }),
      norm(outChannels),
      act(),
      new Conv2d(outChannels, outChannels, 3, { padding: 1, bias: false, init }),
      norm(outChannels),
    );
    this.drop = drop > 0 ? new StochasticDepth(drop) : null;
    this.downsample = halve ? new Conv2d(inChannels, outChannels, 1, { stride: 2, init }) : null;
    this.actFn = act();
  }

  forward(x: Tensor): Tensor {
    const branch = this.drop ? [this.net, this.drop] : [this.net];
    return residual(x, branch, () => this.downsample?.forward(x) ?? x, this.actFn);
  }
}

class PreActResNetBlock extends Module {
  readonly net: Sequential;
  readonly drop: StochasticDepth | null;
  readonly downsample: Sequential | null;

  constructor({ inChannels, outChannels, halve, drop }: BlockShape, { act, norm, init }: Layers) {
    super();
    this.net = new Sequential(
      norm(inChannels),
      act(),
      new Conv2d(inChannels, outChannels, 3, { stride: halve ? 2 : 1, padding: 1, bias: false, init }),
      norm(outChannels),
      act(),
      new Conv2d(outChannels, outChannels, 3, { padding: 1, bias: false, init }),
    );
    this.drop = drop > 0 ? new StochasticDepth(drop) : null;
    this.downsample = halve
      ? new Sequential(
          norm(inChannels),
          act(),
          new Conv2d(inChannels, outChannels, 1, { stride: 2, bias: false, init }),
        )
      : null;
  }

  forward(x: Tensor): Tensor {
    const branch = this.drop ? [this.net, this.drop] : [this.net];
    return residual(x, branch, () => this.downsample?.forward(x) ?? x);
  }
}

const blocksByName = { residual: ResNetBlock, preActivation: PreActResNetBlock };

/** See {@link CifarResNetOptions}. */
export class CifarResNet extends Module {
  readonly inputNet: Sequential;
  readonly blocks: Sequential;
  readonly outputNet: Sequential;

  /** @throws ArgumentError when `blocks` and `widths` are not as many counts */
  constructor(options: CifarResNetOptions = {}) {
    super();
    const { classes = 10, inChannels = 3, stochasticDepth = 0, activation: name = "relu" } = options;
    const { block = "residual", blocks = [3, 3, 3], widths = [16, 32, 64] } = options;
    checkGroups(blocks, widths);
    const layers = layersOf(name, options.norm);
    const [first = 0] = widths;
    const stem = new Conv2d(inChannels, first, 3, { padding: 1, bias: false, init: layers.init });
    // With pre-activation the first block begins with norm and activation; a second pair would come right before it.
    this.inputNet =
      block === "residual" ? new Sequential(stem, layers.norm(first), layers.act()) : new Sequential(stem);
    const Block = blocksByName[block];
    const shapes = widths.flatMap((width, group) =>
      Array.from({ length: blocks[group] ?? 0 }, (_, i) => {
        const halve = i === 0 && group > 0;
        return { inChannels: halve ? (widths[group - 1] ?? width) : width, outChannels: width, halve };
      }),
    );
    this.blocks = new Sequential(
      ...shapes.map((shape, i) => new Block({ ...shape, drop: (stochasticDepth * (i + 1)) / shapes.length }, layers)),
    ); // [N, 64, 8, 8]
    this.outputNet = new Sequential(
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Linear(widths.at(-1) ?? first, classes),
    );
  }

  /** `[N, inChannels, 32, 32]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.outputNet.forward(this.blocks.forward(this.inputNet.forward(x)));
  }
}

function layersOf(name: ActivationName, norm: NormFactory = (channels) => new BatchNorm2d(channels)): Layers {
  return { act: () => activation(name), norm, init: kaimingFor(name, "fanOut") };
}

function checkGroups(blocks: readonly number[], widths: readonly number[]): void {
  const counts = blocks.every((count) => Number.isInteger(count) && count > 0);
  if (!counts || blocks.length === 0 || blocks.length !== widths.length) {
    throw new ArgumentError(
      `CifarResNet: blocks [${blocks.join(", ")}] and widths [${widths.join(", ")}] do not describe groups`,
      "Give both one number above 0 for every group, such as blocks [3, 3, 3] and widths [16, 32, 64].",
    );
  }
}

const variants = [
  {
    name: "cifar_resnet20",
    description: "ResNet-20 for 32x32 images, 3 blocks in each of 3 groups",
    reference: "He et al. 2016, arXiv 1512.03385; UvA deep-learning tutorial 5",
    block: "residual",
    parameters: 272_378,
    multiplyAdds: 41e6,
  },
  {
    name: "cifar_preact_resnet20",
    description: "ResNet-20 for 32x32 images with norm and activation before the convolutions",
    reference: "He et al. 2016, arXiv 1603.05027; UvA deep-learning tutorial 5",
    block: "preActivation",
    parameters: 272_250,
    multiplyAdds: 41e6,
  },
] as const;

for (const { block, ...variant } of variants) {
  registerModel({
    ...variant,
    family: "ResNet",
    inputSize: 32,
    inChannels: 3,
    classes: 10,
    normalization: CIFAR10_NORMALIZATION,
    accepts: ["stochasticDepth", "activation", "norm"],
    build: (options) => new CifarResNet({ ...options, block }),
  });
}
