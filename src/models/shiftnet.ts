import { ArgumentError } from "../errors.js";
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  type init,
  Linear,
  Module,
  type NormFactory,
  Sequential,
  Shift,
  StochasticDepth,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { kaimingFor } from "./activation-gain.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * ShiftNet (Wu et al. 2018, arXiv 1711.08141): after a 7x7 stem nothing but 1x1 convolutions and shifts. Every stage begins
 * by halving the image.
 */
export interface ShiftNetStage {
  blocks: number;
  width: number;
  /** Of the shift's neighbourhood; odd. */
  kernel: number;
  /** Channels of the shift as a multiple of the channels that the branch gives, in the first block and in the rest. */
  expansion: readonly [first: number, rest: number];
}

export interface ShiftNetRow {
  /** Channels of the stem. */
  stem: number;
  stages: readonly ShiftNetStage[];
  /**
   * How the first block of a stage gets its width: `concat` puts the average-pooled input before the branch, which gives
   * the new channels only; `branch` has the branch give all of them, with nothing beside it.
   */
  widening: "concat" | "branch";
}

interface Variant extends ShiftNetRow {
  description: string;
  parameters: number;
  multiplyAdds: number;
}

const variants: Readonly<Record<"a" | "b" | "c", Variant>> = {
  a: {
    description: "1x1 convolutions and shifts; the paper's 4.1 M parameters",
    stem: 32,
    stages: [
      { blocks: 5, width: 64, kernel: 5, expansion: [4, 4] },
      { blocks: 6, width: 128, kernel: 5, expansion: [4, 3] },
      { blocks: 7, width: 256, kernel: 3, expansion: [3, 2] },
      { blocks: 3, width: 512, kernel: 3, expansion: [2, 1] },
    ],
    widening: "concat",
    parameters: 4_188_680,
    multiplyAdds: 1_424e6,
  },
  // A with all widths halved.
  b: {
    description: "1x1 convolutions and shifts, half as wide as A; the paper's 1.1 M parameters",
    stem: 16,
    stages: [
      { blocks: 5, width: 32, kernel: 5, expansion: [4, 4] },
      { blocks: 6, width: 64, kernel: 5, expansion: [4, 3] },
      { blocks: 7, width: 128, kernel: 3, expansion: [3, 2] },
      { blocks: 3, width: 256, kernel: 3, expansion: [2, 1] },
    ],
    widening: "concat",
    parameters: 1_183_480,
    multiplyAdds: 371e6,
  },
  // C's rows are not checked against the paper. The stem is as wide as its first stage, so that concatenation would leave the first
  // branch no channels; with branches that give the full width it has the paper's 0.78 M parameters.
  c: {
    description: "approximate: few and narrow blocks, made to fit the paper's 0.78 M parameters",
    stem: 32,
    stages: [
      { blocks: 1, width: 32, kernel: 3, expansion: [1, 1] },
      { blocks: 4, width: 64, kernel: 3, expansion: [1, 1] },
      { blocks: 4, width: 128, kernel: 3, expansion: [1, 1] },
      { blocks: 3, width: 256, kernel: 3, expansion: [1, 1] },
    ],
    widening: "branch",
    parameters: 784_136,
    multiplyAdds: 156e6,
  },
};

/** What all blocks have in common. */
interface Layers {
  act: () => Module;
  norm: NormFactory;
  init: init.Initializer;
}

interface BlockShape {
  inChannels: number;
  outChannels: number;
  kernel: number;
  expansion: number;
  stride: 1 | 2;
}

/**
 * Conv-shift-conv with pre-activation, what the paper calls CSC: `[N, in, H, W]` → `[N, out, ⌈H / stride⌉, ⌈W / stride⌉]`.
 * The shift moves the channels between the first convolution and its norm.
 */
function convShiftConv(shape: BlockShape, { act, norm, init }: Layers): Sequential {
  const { inChannels, outChannels, kernel, expansion, stride } = shape;
  const width = expansion * outChannels;
  return new Sequential(
    norm(inChannels),
    act(),
    new Conv2d(inChannels, width, 1, { bias: false, init }),
    new Shift(kernel),
    norm(width),
    act(),
    new Conv2d(width, outChannels, 1, { stride, bias: false, init }),
  );
}

/** Keeps the shape: input + branch. */
class ResidualBlock extends Module {
  readonly branch: Sequential;
  readonly drop: StochasticDepth | null;

  /** @param drop probability of leaving the branch out */
  constructor(branch: Sequential, drop: number) {
    super();
    this.branch = branch;
    this.drop = drop > 0 ? new StochasticDepth(drop) : null;
  }

  forward(x: Tensor): Tensor {
    const branch = this.branch.forward(x);
    return (this.drop ? this.drop.forward(branch) : branch).add(x);
  }
}

/** Halves the image: the averaged input and the branch's channels one behind the other. */
class ConcatBlock extends Module {
  readonly branch: Sequential;
  readonly pool = new AvgPool2d(3, { stride: 2, padding: 1 });

  constructor(branch: Sequential) {
    super();
    this.branch = branch;
  }

  forward(x: Tensor): Tensor {
    return this.pool.forward(x).cat([this.branch.forward(x)], 1);
  }
}

/** See {@link ShiftNetRow}. */
export class ShiftNet extends Module {
  readonly stem: Conv2d;
  readonly stages: Sequential;
  readonly head: Sequential;

  constructor(row: ShiftNetRow, options: ModelOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0, stochasticDepth = 0, activation: name = "relu" } = options;
    const layers: Layers = {
      act: () => activation(name),
      norm: options.norm ?? ((channels) => new BatchNorm2d(channels)),
      init: kaimingFor(name, "fanOut"),
    };
    const stem = options.stem === "cifar" ? { kernel: 3, stride: 1 } : { kernel: 7, stride: 2 };
    this.stem = new Conv2d(inChannels, row.stem, stem.kernel, {
      stride: stem.stride,
      padding: (stem.kernel - 1) / 2,
      bias: false,
      init: layers.init,
    }); // [N, 32, H/2, W/2]
    const total = row.stages.reduce((sum, { blocks }) => sum + blocks, 0);
    let [width, index] = [row.stem, 0];
    this.stages = new Sequential(
      ...row.stages.map((stage) => {
        const blocks = Array.from({ length: stage.blocks }, (_, i) => {
          index++;
          if (i === 0) return widen(row.widening, width, stage, layers);
          const shape = { inChannels: stage.width, outChannels: stage.width, kernel: stage.kernel };
          const branch = convShiftConv({ ...shape, expansion: stage.expansion[1], stride: 1 }, layers);
          return new ResidualBlock(branch, (stochasticDepth * index) / total);
        });
        width = stage.width;
        return new Sequential(...blocks);
      }),
    ); // [N, 512, H/32, W/32]
    this.head = new Sequential({
      norm: layers.norm(width),
      act: layers.act(),
      pool: new AdaptiveAvgPool2d(1),
      flatten: new Flatten(),
      dropout: new Dropout(dropout),
      fc: new Linear(width, classes),
    });
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.head.forward(this.stages.forward(this.stem.forward(x)));
  }
}

/** The first block of a stage. */
function widen(how: ShiftNetRow["widening"], inChannels: number, stage: ShiftNetStage, layers: Layers): Module {
  const { width, kernel, expansion } = stage;
  const branch = (outChannels: number) =>
    convShiftConv({ inChannels, outChannels, kernel, expansion: expansion[0], stride: 2 }, layers);
  switch (how) {
    case "concat":
      if (width <= inChannels) {
        throw new ArgumentError(
          `ShiftNet: ${inChannels} channels with a branch behind them do not make a stage of ${width}`,
          'Make every stage wider than the one before it, or give widening "branch".',
        );
      }
      return new ConcatBlock(branch(width - inChannels));
    case "branch":
      return new Sequential({ branch: branch(width) });
    default:
      return how satisfies never;
  }
}

for (const [letter, { description, parameters, multiplyAdds, ...row }] of Object.entries(variants)) {
  registerModel({
    name: `shiftnet_${letter}`,
    family: "ShiftNet",
    description,
    reference: "Wu et al. 2018, arXiv 1711.08141",
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "stochasticDepth", "activation", "norm", "stem"],
    build: (options) => new ShiftNet(row, options),
  });
}
