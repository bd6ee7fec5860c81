import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Identity,
  init,
  Linear,
  MaxPool2d,
  Module,
  type NormFactory,
  Sequential,
  sequence,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * GoogLeNet (Szegedy et al. 2015, arXiv 1409.4842, table 1) with batch norm, as torchvision has it, whose names the
 * parameters have. There the branch that the paper gives 5x5 convolutions has 3x3 ones (pytorch/vision issue 906), and so
 * have the published weights; {@link GoogLeNetOptions.trueFiveByFive} is the paper.
 */
export interface GoogLeNetOptions extends ModelOptions {
  /** 5x5 kernels in the branch that the paper calls so; 7,005,832 parameters. Default false: torchvision's 3x3. */
  trueFiveByFive?: boolean;
  /** The two auxiliary heads, for {@link GoogLeNet.forwardWithAuxiliary}; 13,004,888 parameters. Default false. */
  auxiliary?: boolean;
  /**
   * Takes images of 3 channels normalised by ImageNet's statistics to the range [-1, 1] of the published weights.
   * Default false.
   */
  transformInput?: boolean;
}

type Widths = readonly [one: number, reduce3: number, three: number, reduce5: number, five: number, pool: number];

const rows = {
  "3a": [64, 96, 128, 16, 32, 32],
  "3b": [128, 128, 192, 32, 96, 64],
  "4a": [192, 96, 208, 16, 48, 64],
  "4b": [160, 112, 224, 24, 64, 64],
  "4c": [128, 128, 256, 24, 64, 64],
  "4d": [112, 144, 288, 32, 64, 64],
  "4e": [256, 160, 320, 32, 128, 128],
  "5a": [256, 160, 320, 32, 128, 128],
  "5b": [384, 192, 384, 48, 128, 128],
} as const satisfies Record<string, Widths>;

/** torchvision cuts it off at ±2, which is 200 standard deviations away: in effect not at all. */
const start = init.normal(0, 0.01);

interface Style {
  norm: NormFactory;
  activation: ActivationName;
  /** Kernel of the branch named 5x5. */
  five: 3 | 5;
}

/** Convolution, norm, activation. */
class BasicConv extends Module {
  readonly conv: Conv2d;
  readonly bn: Module;
  readonly relu: Module;

  constructor(into: number, out: number, kernel: number, style: Style, options: { stride?: number } = {}) {
    super();
    const { stride = 1 } = options;
    this.conv = new Conv2d(into, out, kernel, { stride, padding: (kernel - 1) / 2, bias: false, init: start });
    this.bn = style.norm(out);
    this.relu = activation(style.activation);
  }

  forward(x: Tensor): Tensor {
    return sequence(x, [this.conv, this.bn, this.relu]);
  }
}

/** Four branches side by side: 1x1, 3x3, 5x5, pooling. */
class Inception extends Module {
  readonly branch1: BasicConv;
  readonly branch2: Sequential;
  readonly branch3: Sequential;
  readonly branch4: Sequential;

  constructor(into: number, [one, reduce3, three, reduce5, five, pool]: Widths, style: Style) {
    super();
    this.branch1 = new BasicConv(into, one, 1, style);
    this.branch2 = new Sequential(new BasicConv(into, reduce3, 1, style), new BasicConv(reduce3, three, 3, style));
    this.branch3 = new Sequential(
      new BasicConv(into, reduce5, 1, style),
      new BasicConv(reduce5, five, style.five, style),
    );
    this.branch4 = new Sequential(
      new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      new BasicConv(into, pool, 1, style),
    );
  }

  forward(x: Tensor): Tensor {
    const others = [this.branch2.forward(x), this.branch3.forward(x), this.branch4.forward(x)];
    return this.branch1.forward(x).cat(others, 1);
  }
}

/** A classifier on inner features: it gives the layers below it a shorter way to the loss. */
class AuxiliaryHead extends Module {
  readonly pool = new AdaptiveAvgPool2d(4);
  readonly conv: BasicConv;
  readonly flatten = new Flatten();
  readonly fc1: Linear;
  readonly relu: Module;
  readonly dropout = new Dropout(0.7);
  readonly fc2: Linear;

  constructor(into: number, classes: number, style: Style) {
    super();
    this.conv = new BasicConv(into, 128, 1, style);
    this.fc1 = new Linear(128 * 4 * 4, 1024, { init: start });
    this.relu = activation(style.activation);
    this.fc2 = new Linear(1024, classes, { init: start });
  }

  forward(x: Tensor): Tensor {
    const features = this.flatten.forward(this.conv.forward(this.pool.forward(x)));
    return this.fc2.forward(this.dropout.forward(this.relu.forward(this.fc1.forward(features))));
  }
}

/** The sum of an inception module's branches. */
function channelsOf([one, , three, , five, pool]: Widths): number {
  return one + three + five + pool;
}

/** A stem, nine inception modules with pooling between them, global pooling and a linear layer. See {@link GoogLeNetOptions}. */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv;
  readonly maxpool1: Module;
  readonly conv2: BasicConv;
  readonly conv3: BasicConv;
  readonly maxpool2 = new MaxPool2d(3, { stride: 2, ceilMode: true });
  readonly inception3a: Inception;
  readonly inception3b: Inception;
  readonly maxpool3 = new MaxPool2d(3, { stride: 2, ceilMode: true });
  readonly inception4a: Inception;
  readonly inception4b: Inception;
  readonly inception4c: Inception;
  readonly inception4d: Inception;
  readonly inception4e: Inception;
  readonly maxpool4 = new MaxPool2d(2, { stride: 2, ceilMode: true });
  readonly inception5a: Inception;
  readonly inception5b: Inception;
  readonly aux1: AuxiliaryHead | null;
  readonly aux2: AuxiliaryHead | null;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly dropout: Dropout;
  readonly fc: Linear;
  readonly transformInput: boolean;

  /** @throws ArgumentError when a probability does not lie in [0, 1], or `transformInput` comes without 3 channels */
  constructor(options: GoogLeNetOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0.2, stem = "imagenet", activation: name = "relu" } = options;
    const { norm = (channels) => new BatchNorm2d(channels, { eps: 0.001 }), auxiliary, trueFiveByFive } = options;
    const style: Style = { norm, activation: name, five: trueFiveByFive ? 5 : 3 };
    this.transformInput = options.transformInput ?? false;
    if (this.transformInput && inChannels !== 3) {
      throw new ArgumentError(
        `GoogLeNet: transformInput is for the 3 channels of ImageNet's images, not ${inChannels}`,
        "Leave it out, and normalise the images by their own statistics.",
      );
    }

    const small = stem === "cifar";
    this.conv1 = new BasicConv(inChannels, 64, small ? 3 : 7, style, { stride: small ? 1 : 2 });
    this.maxpool1 = small ? new Identity() : new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.conv2 = new BasicConv(64, 64, 1, style);
    this.conv3 = new BasicConv(64, 192, 3, style);
    let channels = 192;
    const inception = (widths: Widths): Inception => {
      const module = new Inception(channels, widths, style);
      channels = channelsOf(widths);
      return module;
    };
    this.inception3a = inception(rows["3a"]);
    this.inception3b = inception(rows["3b"]);
    this.inception4a = inception(rows["4a"]);
    this.inception4b = inception(rows["4b"]);
    this.inception4c = inception(rows["4c"]);
    this.inception4d = inception(rows["4d"]);
    this.inception4e = inception(rows["4e"]);
    this.inception5a = inception(rows["5a"]);
    this.inception5b = inception(rows["5b"]);
    this.aux1 = auxiliary ? new AuxiliaryHead(channelsOf(rows["4a"]), classes, style) : null;
    this.aux2 = auxiliary ? new AuxiliaryHead(channelsOf(rows["4d"]), classes, style) : null;
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(channels, classes, { init: start });
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.#head(this.#upper(this.#after4a(this.#lower(x))));
  }

  /**
   * The logits, and those of the auxiliary heads after 4a and 4d; the paper adds 0.3 of each head's loss to the network's.
   *
   * @throws ArgumentError when the network was made without them
   */
  forwardWithAuxiliary(x: Tensor): { logits: Tensor; aux1: Tensor; aux2: Tensor } {
    const { aux1, aux2 } = this;
    if (!aux1 || !aux2) {
      throw new ArgumentError("this GoogLeNet has no auxiliary heads", "Make it with { auxiliary: true }.");
    }
    const first = this.#lower(x);
    const second = this.#after4a(first);
    return { logits: this.#head(this.#upper(second)), aux1: aux1.forward(first), aux2: aux2.forward(second) };
  }

  /** To 4a's result. */
  #lower(x: Tensor): Tensor {
    const image = this.transformInput ? toPublishedRange(x) : x;
    const stem = this.conv2.forward(this.maxpool1.forward(this.conv1.forward(image)));
    const third = this.inception3a.forward(this.maxpool2.forward(this.conv3.forward(stem)));
    return this.inception4a.forward(this.maxpool3.forward(this.inception3b.forward(third)));
  }

  /** From 4a's result to 4d's. */
  #after4a(x: Tensor): Tensor {
    return this.inception4d.forward(this.inception4c.forward(this.inception4b.forward(x)));
  }

  #upper(x: Tensor): Tensor {
    const fourth = this.maxpool4.forward(this.inception4e.forward(x));
    return this.inception5b.forward(this.inception5a.forward(fourth));
  }

  #head(x: Tensor): Tensor {
    return this.fc.forward(this.dropout.forward(this.flatten.forward(this.avgpool.forward(x))));
  }
}

/** From ImageNet's mean 0 and deviation 1 to the mean and deviation 0.5 that the published weights were trained with. */
function toPublishedRange(x: Tensor): Tensor {
  const { mean, std } = IMAGENET_NORMALIZATION;
  const channel = (i: 0 | 1 | 2) =>
    x
      .slice(1, i, i + 1)
      .mul(std[i] / 0.5)
      .add((mean[i] - 0.5) / 0.5);
  return channel(0).cat([channel(1), channel(2)], 1);
}

registerModel({
  name: "googlenet",
  family: "GoogLeNet",
  description: "9 inception modules; as torchvision, with 3x3 for the paper's 5x5",
  reference: "Szegedy et al. 2015, arXiv 1409.4842",
  inputSize: 224,
  inChannels: 3,
  classes: 1000,
  parameters: 6_624_904,
  multiplyAdds: 1.498e9,
  normalization: IMAGENET_NORMALIZATION,
  accepts: ["dropout", "activation", "norm", "stem"],
  build: (options) => new GoogLeNet(options),
});
