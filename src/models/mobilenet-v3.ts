import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
  activation,
  BatchNorm2d,
  ConvNormAct,
  Dropout,
  Flatten,
  init,
  Linear,
  Module,
  makeDivisible,
  type NormFactory,
  residual,
  Sequential,
  SqueezeExcitation,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2): inverted residuals found by search, with hard-swish
 * in the deep layers and squeeze-and-excitation where it pays. Names are torchvision's.
 */
export interface MobileNetV3Row {
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly blocks: readonly MobileNetV3Block[];
  /** Units of the classifier's hidden layer. */
  readonly hidden: number;
}

export interface MobileNetV3Block {
  /** Of the depthwise convolution. */
  readonly kernel: 3 | 5;
  /** Channels of the depthwise convolution. */
  readonly expanded: number;
  /** Channels of the result. */
  readonly channels: number;
  /** With squeeze-and-excitation. */
  readonly squeeze: boolean;
  readonly activation: "relu" | "hardswish";
  readonly stride: 1 | 2;
}

const large: MobileNetV3Row = {
  stem: 16,
  blocks: [
    { kernel: 3, expanded: 16, channels: 16, squeeze: false, activation: "relu", stride: 1 },
    { kernel: 3, expanded: 64, channels: 24, squeeze: false, activation: "relu", stride: 2 },
    { kernel: 3, expanded: 72, channels: 24, squeeze: false, activation: "relu", stride: 1 },
    { kernel: 5, expanded: 72, channels: 40, squeeze: true, activation: "relu", stride: 2 },
    { kernel: 5, expanded: 120, channels: 40, squeeze: true, activation: "relu", stride: 1 },
    { kernel: 5, expanded: 120, channels: 40, squeeze: true, activation: "relu", stride: 1 },
    { kernel: 3, expanded: 240, channels: 80, squeeze: false, activation: "hardswish", stride: 2 },
    { kernel: 3, expanded: 200, channels: 80, squeeze: false, activation: "hardswish", stride: 1 },
    { kernel: 3, expanded: 184, channels: 80, squeeze: false, activation: "hardswish", stride: 1 },
    { kernel: 3, expanded: 184, channels: 80, squeeze: false, activation: "hardswish", stride: 1 },
    { kernel: 3, expanded: 480, channels: 112, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 3, expanded: 672, channels: 112, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 672, channels: 160, squeeze: true, activation: "hardswish", stride: 2 },
    { kernel: 5, expanded: 960, channels: 160, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 960, channels: 160, squeeze: true, activation: "hardswish", stride: 1 },
  ],
  hidden: 1280,
};

const small: MobileNetV3Row = {
  stem: 16,
  blocks: [
    { kernel: 3, expanded: 16, channels: 16, squeeze: true, activation: "relu", stride: 2 },
    { kernel: 3, expanded: 72, channels: 24, squeeze: false, activation: "relu", stride: 2 },
    { kernel: 3, expanded: 88, channels: 24, squeeze: false, activation: "relu", stride: 1 },
    { kernel: 5, expanded: 96, channels: 40, squeeze: true, activation: "hardswish", stride: 2 },
    { kernel: 5, expanded: 240, channels: 40, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 240, channels: 40, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 120, channels: 48, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 144, channels: 48, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 288, channels: 96, squeeze: true, activation: "hardswish", stride: 2 },
    { kernel: 5, expanded: 576, channels: 96, squeeze: true, activation: "hardswish", stride: 1 },
    { kernel: 5, expanded: 576, channels: 96, squeeze: true, activation: "hardswish", stride: 1 },
  ],
  hidden: 1024,
};

const published = {
  large: {
    name: "mobilenet_v3_large",
    row: large,
    description: "15 inverted residuals, for fast phones",
    parameters: 5_483_032,
    multiplyAdds: 217e6,
  },
  small: {
    name: "mobilenet_v3_small",
    row: small,
    description: "11 inverted residuals, for slow ones",
    parameters: 2_542_856,
    multiplyAdds: 57e6,
  },
} as const;

export interface MobileNetV3Options extends ModelOptions {
  /** Factor of all channels, each rounded to a multiple of 8; above 0, default 1. */
  width?: number;
  /** Half the channels in the last three blocks and the head, for detection and segmentation. Default false. */
  reducedTail?: boolean;
  /** The last three blocks keep the size and are dilated by 2 instead, for segmentation. Default false. */
  dilated?: boolean;
}

/** What the layers of all blocks have in common. */
interface Style {
  norm: NormFactory;
  init: init.Initializer;
}

/** 1x1 to the expanded width, depthwise convolution, squeeze-and-excitation, 1x1 back; the input is added where it fits. */
class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly skip: boolean;

  constructor(into: number, row: MobileNetV3Block, name: ActivationName, dilation: 1 | 2, style: Style) {
    super();
    const { kernel, expanded, channels, squeeze } = row;
    const stride = dilation > 1 ? 1 : row.stride;
    this.skip = row.stride === 1 && into === channels;
    const squeezing = {
      squeezeChannels: makeDivisible(Math.floor(expanded / 4)),
      activation: "relu",
      gate: "hardsigmoid",
      init: style.init,
      biasInit: init.constant(0),
    } as const;
    this.block = new Sequential(
      ...(expanded === into ? [] : [new ConvNormAct(into, expanded, { kernel: 1, activation: name, ...style })]),
      new ConvNormAct(expanded, expanded, { kernel, stride, dilation, groups: expanded, activation: name, ...style }),
      ...(squeeze ? [new SqueezeExcitation(expanded, squeezing)] : []),
      new ConvNormAct(expanded, channels, { kernel: 1, activation: null, ...style }),
    );
  }

  forward(x: Tensor): Tensor {
    return this.skip ? residual(x, [this.block], () => x) : this.block.forward(x);
  }
}

/** How many blocks at the end `reducedTail` and `dilated` change. */
const TAIL = 3;

function adjusted({ stem, blocks, hidden }: MobileNetV3Row, width: number, reducedTail: boolean): MobileNetV3Row {
  const scale = (channels: number) => makeDivisible(channels * width);
  const half = (channels: number, reduced: boolean) => scale(reduced ? Math.floor(channels / 2) : channels);
  const tail = reducedTail ? blocks.length - TAIL : blocks.length;
  return {
    stem: scale(stem),
    // The first block of a reduced tail is still as wide inside, because its input is.
    blocks: blocks.map((block, i) => ({
      ...block,
      expanded: half(block.expanded, i > tail),
      channels: half(block.channels, i >= tail),
    })),
    hidden: half(hidden, reducedTail),
  };
}

/** One of the two published networks, or one of one's own rows. */
export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Sequential;

  /**
   * @param options.dropout default 0.2
   * @param options.activation in place of hard-swish; the blocks whose row says ReLU keep it
   * @throws ArgumentError for a width that is not above 0
   */
  constructor(variant: "large" | "small" | MobileNetV3Row, options: MobileNetV3Options = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0.2, stem = "imagenet" } = options;
    const { activation: deep = "hardswish", width = 1, reducedTail = false, dilated = false } = options;
    const { norm = (channels) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 }) } = options;
    if (!(width > 0)) throw new ArgumentError(`MobileNetV3: width is ${width}, it must be above 0`);
    const style = { norm, init: init.kaimingNormal({ mode: "fanOut" }) };
    const row = adjusted(typeof variant === "string" ? published[variant].row : variant, width, reducedTail);

    let channels = row.stem;
    const strided = { stride: stem === "cifar" ? 1 : 2, activation: deep, ...style };
    const layers: Module[] = [new ConvNormAct(inChannels, channels, strided)];
    for (const [i, block] of row.blocks.entries()) {
      const name = block.activation === "hardswish" ? deep : block.activation;
      const dilation = dilated && i >= row.blocks.length - TAIL ? 2 : 1;
      layers.push(new InvertedResidual(channels, block, name, dilation, style));
      channels = block.channels;
    }
    layers.push(new ConvNormAct(channels, 6 * channels, { kernel: 1, activation: deep, ...style }));
    this.features = new Sequential(...layers); // [N, 6 · channels, H/32, W/32]
    const linear = { init: init.normal(0, 0.01), biasInit: init.constant(0) };
    this.classifier = new Sequential(
      new Linear(6 * channels, row.hidden, linear),
      activation(deep),
      new Dropout(dropout),
      new Linear(row.hidden, classes, linear),
    );
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))));
  }
}

for (const { row, ...variant } of Object.values(published)) {
  registerModel({
    ...variant,
    family: "MobileNetV3",
    reference: "Howard et al. 2019, arXiv 1905.02244",
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "activation", "norm", "stem"],
    build: (options) => new MobileNetV3(row, options),
  });
}
