import {
  AdaptiveAvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  type NormFactory,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { kaimingFor } from "./activation-gain.js";
import { CIFAR10_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/** Channels of an Inception block: of its four branches, and of the 1x1 convolutions before the wide kernels. */
interface InceptionRow {
  reduce3: number;
  reduce5: number;
  out1: number;
  out3: number;
  out5: number;
  outPool: number;
}

/**
 * GoogLeNet (Szegedy et al. 2015, arXiv 1409.4842) as the UvA deep-learning tutorial 5 makes it small for 32x32 images: no
 * pooling in the stem, eight Inception blocks, two poolings, no auxiliary heads. Every convolution has a bias, though batch
 * norm follows.
 */
const stages: readonly (InceptionRow | "pool")[] = [
  { reduce3: 32, reduce5: 16, out1: 16, out3: 32, out5: 8, outPool: 8 }, // [N, 64, 32, 32]
  { reduce3: 32, reduce5: 16, out1: 24, out3: 48, out5: 12, outPool: 12 }, // [N, 96, 32, 32]
  "pool", // [N, 96, 16, 16]
  { reduce3: 32, reduce5: 16, out1: 24, out3: 48, out5: 12, outPool: 12 },
  { reduce3: 32, reduce5: 16, out1: 16, out3: 48, out5: 16, outPool: 16 },
  { reduce3: 32, reduce5: 16, out1: 16, out3: 48, out5: 16, outPool: 16 },
  { reduce3: 32, reduce5: 16, out1: 32, out3: 48, out5: 24, outPool: 24 }, // [N, 128, 16, 16]
  "pool", // [N, 128, 8, 8]
  { reduce3: 48, reduce5: 16, out1: 32, out3: 64, out5: 16, outPool: 16 },
  { reduce3: 48, reduce5: 16, out1: 32, out3: 64, out5: 16, outPool: 16 }, // [N, 128, 8, 8]
];

/** The layers of a convolution: itself, norm, activation. */
type Convolution = (inChannels: number, outChannels: number, kernel: number) => Module[];

/** Four branches side by side, their channels in the order 1x1, 3x3, 5x5, pooling. */
class InceptionBlock extends Module {
  // These names are the checkpoint's.
  readonly conv_1x1: Sequential;
  readonly conv_3x3: Sequential;
  readonly conv_5x5: Sequential;
  readonly maxPool: Sequential;

  constructor(inChannels: number, row: InceptionRow, convolution: Convolution) {
    super();
    const { reduce3, reduce5, out1, out3, out5, outPool } = row;
    this.conv_1x1 = new Sequential(...convolution(inChannels, out1, 1));
    this.conv_3x3 = new Sequential(...convolution(inChannels, reduce3, 1), ...convolution(reduce3, out3, 3));
    this.conv_5x5 = new Sequential(...convolution(inChannels, reduce5, 1), ...convolution(reduce5, out5, 5));
    this.maxPool = new Sequential(new MaxPool2d(3, { stride: 1, padding: 1 }), ...convolution(inChannels, outPool, 1));
  }

  forward(x: Tensor): Tensor {
    const others = [this.conv_3x3, this.conv_5x5, this.maxPool].map((branch) => branch.forward(x));
    return this.conv_1x1.forward(x).cat(others, 1);
  }
}

export class CifarGoogLeNet extends Module {
  readonly inputNet: Sequential;
  readonly inceptionBlocks: Sequential;
  readonly outputNet: Sequential;

  constructor({ classes = 10, inChannels = 3, activation: name = "relu", norm = batchNorm }: ModelOptions = {}) {
    super();
    const init = kaimingFor(name, "fanIn");
    const convolution: Convolution = (from, to, kernel) => [
      new Conv2d(from, to, kernel, { padding: "same", init }),
      norm(to),
      activation(name),
    ];
    let width = 64;
    this.inputNet = new Sequential(...convolution(inChannels, width, 3)); // [N, 64, 32, 32]
    this.inceptionBlocks = new Sequential(
      ...stages.map((row) => {
        if (row === "pool") return new MaxPool2d(3, { stride: 2, padding: 1 });
        const block = new InceptionBlock(width, row, convolution);
        width = row.out1 + row.out3 + row.out5 + row.outPool;
        return block;
      }),
    );
    this.outputNet = new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(width, classes));
  }

  /** `[N, inChannels, 32, 32]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.outputNet.forward(this.inceptionBlocks.forward(this.inputNet.forward(x)));
  }
}

const batchNorm: NormFactory = (channels) => new BatchNorm2d(channels);

registerModel({
  name: "cifar_googlenet",
  family: "GoogLeNet",
  description: "a small GoogLeNet for 32x32 images, eight Inception blocks",
  reference: "Szegedy et al. 2015, arXiv 1409.4842; UvA deep-learning tutorial 5",
  inputSize: 32,
  inChannels: 3,
  classes: 10,
  parameters: 260_650,
  multiplyAdds: 80e6,
  normalization: CIFAR10_NORMALIZATION,
  accepts: ["activation", "norm"],
  build: (options) => new CifarGoogLeNet(options),
});
