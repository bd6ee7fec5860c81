import { ArgumentError } from "../errors.js";
import {
  AdaptiveAvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  Module,
  type NormFactory,
  residual,
  Sequential,
  Shift,
  StochasticDepth,
  sequence,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { CIFAR10_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * ShiftResNet (Wu et al. 2018, arXiv 1711.08141): the CIFAR ResNet of depth 6n + 2 with every pair of 3x3
 * convolutions replaced by a 1x1 convolution, a shift and a 1x1 convolution. Block and names are those of the authors'
 * alvinwan/shiftresnet-cifar: an activation ends the branch and none follows the sum. Their shift deals its offsets out to
 * one channel after another, and ours to one group after another as in the paper, so weights trained with theirs need the
 * channels of `conv1`, `bn1` and `conv2` put in another order.
 */
export interface ShiftResNetOptions extends ModelOptions {
  /** Width of the shift as a multiple of the block's output; the paper tries 1, 3, 6 and 9. Default 3. */
  expansion?: number;
}

interface BlockOptions {
  expansion: number;
  stride: 1 | 2;
  /** Probability of leaving the branch out. */
  drop: number;
  act: () => Module;
  norm: NormFactory;
}

/** `[N, in, H, W]` → `[N, out, H / stride, W / stride]` */
class ShiftBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly act1: Module;
  readonly shift2: Shift;
  readonly conv2: Conv2d;
  readonly bn2: Module;
  readonly act2: Module;
  readonly drop: StochasticDepth | null;
  readonly shortcut: Sequential | null;

  constructor(inChannels: number, outChannels: number, { expansion, stride, drop, act, norm }: BlockOptions) {
    super();
    const width = Math.floor(expansion * outChannels);
    this.conv1 = new Conv2d(inChannels, width, 1, { bias: false });
    this.bn1 = norm(width);
    this.act1 = act();
    this.shift2 = new Shift(3);
    this.conv2 = new Conv2d(width, outChannels, 1, { stride, bias: false });
    this.bn2 = norm(outChannels);
    this.act2 = act();
    this.drop = drop > 0 ? new StochasticDepth(drop) : null;
    this.shortcut =
      stride === 1 && inChannels === outChannels
        ? null
        : new Sequential(new Conv2d(inChannels, outChannels, 1, { stride, bias: false }), norm(outChannels));
  }

  forward(x: Tensor): Tensor {
    const { conv1, bn1, act1, shift2, conv2, bn2, act2, drop } = this;
    const branch = [conv1, bn1, act1, shift2, conv2, bn2, act2, ...(drop ? [drop] : [])];
    return residual(x, branch, () => this.shortcut?.forward(x) ?? x);
  }
}

/** See {@link ShiftResNetOptions}. */
export class ShiftResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly act1: Module;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly linear: Linear;

  /**
   * @param blocks n of the depth 6n + 2
   * @throws ArgumentError when the expansion is not positive
   */
  constructor(blocks: number, options: ShiftResNetOptions = {}) {
    super();
    const { classes = 10, inChannels = 3, expansion = 3, stochasticDepth = 0, activation: name = "relu" } = options;
    if (!(expansion > 0)) throw new ArgumentError(`ShiftResNet: the expansion ${expansion} is not above 0`);
    const norm: NormFactory = options.norm ?? ((channels) => new BatchNorm2d(channels));
    const act = () => activation(name);
    const group = (index: 0 | 1 | 2, from: number, to: number): Sequential =>
      new Sequential(
        ...Array.from({ length: blocks }, (_, i) => {
          const drop = (stochasticDepth * (index * blocks + i + 1)) / (3 * blocks);
          const stride = i === 0 && index > 0 ? 2 : 1;
          return new ShiftBlock(i === 0 ? from : to, to, { expansion, stride, drop, act, norm });
        }),
      );
    this.conv1 = new Conv2d(inChannels, 16, 3, { padding: 1, bias: false });
    this.bn1 = norm(16);
    this.act1 = act();
    this.layer1 = group(0, 16, 16); // [N, 16, 32, 32]
    this.layer2 = group(1, 16, 32); // [N, 32, 16, 16]
    this.layer3 = group(2, 32, 64); // [N, 64, 8, 8]
    this.linear = new Linear(64, classes);
  }

  /** `[N, inChannels, 32, 32]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    const stem = sequence(x, [this.conv1, this.bn1, this.act1]);
    const features = this.layer3.forward(this.layer2.forward(this.layer1.forward(stem)));
    return this.linear.forward(this.flatten.forward(this.avgpool.forward(features)));
  }
}

/**
 * Counts with expansion 3. For depth 20 the authors' script prints 16,581,248 multiply-adds: it takes the stem's 3·16 products
 * of channels for 64. Without that it is 16,433,792.
 */
const variants = [
  { depth: 20, blocks: 3, parameters: 95_642, multiplyAdds: 16.4e6 },
  { depth: 56, blocks: 9, parameters: 294_554, multiplyAdds: 44.7e6 },
  { depth: 110, blocks: 18, parameters: 592_922, multiplyAdds: 87.2e6 },
];

for (const { depth, blocks, parameters, multiplyAdds } of variants) {
  registerModel({
    name: `shift_resnet${depth}`,
    family: "ShiftNet",
    description: `ShiftResNet-${depth} for 32x32 images, 1x1 convolutions around shifts, expansion 3`,
    reference: "Wu et al. 2018, arXiv 1711.08141",
    inputSize: 32,
    inChannels: 3,
    classes: 10,
    parameters,
    multiplyAdds,
    // The authors' script divides by 0.2023, 0.1994, 0.2010, means of the images' deviations; we train with the data set's own.
    normalization: CIFAR10_NORMALIZATION,
    accepts: ["stochasticDepth", "activation", "norm"],
    build: (options) => new ShiftResNet(blocks, options),
  });
}
