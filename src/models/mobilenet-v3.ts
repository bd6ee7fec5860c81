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
  Sequential,
  SqueezeExcitation,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2): inverted residuals found by search, with hard-swish
 * in the deep layers and squeeze-and-excitation where it pays. Names are torchvision's.
 */
type Row = readonly [
  into: number,
  kernel: 3 | 5,
  expanded: number,
  out: number,
  squeeze: boolean,
  activation: "relu" | "hardswish",
  stride: 1 | 2,
];

const SE = true;

const large: readonly Row[] = [
  [16, 3, 16, 16, false, "relu", 1],
  [16, 3, 64, 24, false, "relu", 2],
  [24, 3, 72, 24, false, "relu", 1],
  [24, 5, 72, 40, SE, "relu", 2],
  [40, 5, 120, 40, SE, "relu", 1],
  [40, 5, 120, 40, SE, "relu", 1],
  [40, 3, 240, 80, false, "hardswish", 2],
  [80, 3, 200, 80, false, "hardswish", 1],
  [80, 3, 184, 80, false, "hardswish", 1],
  [80, 3, 184, 80, false, "hardswish", 1],
  [80, 3, 480, 112, SE, "hardswish", 1],
  [112, 3, 672, 112, SE, "hardswish", 1],
  [112, 5, 672, 160, SE, "hardswish", 2],
  [160, 5, 960, 160, SE, "hardswish", 1],
  [160, 5, 960, 160, SE, "hardswish", 1],
];

const small: readonly Row[] = [
  [16, 3, 16, 16, SE, "relu", 2],
  [16, 3, 72, 24, false, "relu", 2],
  [24, 3, 88, 24, false, "relu", 1],
  [24, 5, 96, 40, SE, "hardswish", 2],
  [40, 5, 240, 40, SE, "hardswish", 1],
  [40, 5, 240, 40, SE, "hardswish", 1],
  [40, 5, 120, 48, SE, "hardswish", 1],
  [48, 5, 144, 48, SE, "hardswish", 1],
  [48, 5, 288, 96, SE, "hardswish", 2],
  [96, 5, 576, 96, SE, "hardswish", 1],
  [96, 5, 576, 96, SE, "hardswish", 1],
];

const published = {
  mobilenet_v3_large: { rows: large, lastChannels: 1280, parameters: 5_483_032, multiplyAdds: 217e6 },
  mobilenet_v3_small: { rows: small, lastChannels: 1024, parameters: 2_542_856, multiplyAdds: 57e6 },
} as const;

export interface MobileNetV3Options extends ModelOptions {
  /** Factor of all channels, each rounded to a multiple of 8; default 1. */
  width?: number;
  /** Half the channels in the last three blocks and the head, for detection and segmentation. Default false. */
  reducedTail?: boolean;
  /** The last three blocks keep the size and are dilated by 2 instead, for segmentation. Default false. */
  dilated?: boolean;
}

interface Style {
  norm: NormFactory;
  init: init.Initializer;
}

/** 1x1 to the expanded width, depthwise convolution, squeeze-and-excitation, 1x1 back; the input is added where it fits. */
class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly skip: boolean;

  constructor(
    [into, kernel, expanded, out, squeeze]: Row,
    name: ActivationName,
    { stride, dilation }: { stride: number; dilation: number },
    style: Style,
  ) {
    super();
    this.skip = stride === 1 && into === out;
    this.block = new Sequential(
      ...(expanded === into ? [] : [new ConvNormAct(into, expanded, { kernel: 1, activation: name, ...style })]),
      new ConvNormAct(expanded, expanded, {
        kernel,
        stride: dilation > 1 ? 1 : stride,
        dilation,
        groups: expanded,
        activation: name,
        ...style,
      }),
      ...(squeeze
        ? [
            new SqueezeExcitation(expanded, {
              squeezeChannels: makeDivisible(Math.floor(expanded / 4)),
              activation: "relu",
              gate: "hardsigmoid",
              init: style.init,
              biasInit: init.constant(0),
            }),
          ]
        : []),
      new ConvNormAct(expanded, out, { kernel: 1, activation: null, ...style }),
    );
  }

  forward(x: Tensor): Tensor {
    const branch = this.block.forward(x);
    return this.skip ? branch.add(x) : branch;
  }
}

/** The rows with what the options make of the last three blocks and of all widths. */
function adjusted(rows: readonly Row[], width: number, reducedTail: boolean): Row[] {
  const scale = (channels: number) => makeDivisible(channels * width);
  return rows.map(([into, kernel, expanded, out, ...rest], i) => {
    const fromEnd = rows.length - i;
    const narrowOut = reducedTail && fromEnd <= 3 ? 2 : 1;
    const narrowIn = reducedTail && fromEnd <= 2 ? 2 : 1;
    return [scale(into / narrowIn), kernel, scale(expanded / narrowIn), scale(out / narrowOut), ...rest];
  });
}

export class MobileNetV3 extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Sequential;

  /**
   * @param size which of the two tables
   * @param options.activation in place of hard-swish; the layers that the table gives ReLU keep it
   */
  constructor(size: "large" | "small", options: MobileNetV3Options = {}) {
    super();
    const {
      classes = 1000,
      inChannels = 3,
      dropout = 0.2,
      activation: deep = "hardswish",
      stem = "imagenet",
    } = options;
    const { norm = (channels) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 }) } = options;
    const { width = 1, reducedTail = false, dilated = false } = options;
    const { rows, lastChannels } = published[`mobilenet_v3_${size}`];
    const style: Style = { norm, init: init.kaimingNormal({ mode: "fanOut" }) };
    const table = adjusted(rows, width, reducedTail);

    const first = table[0]?.[0] ?? 16;
    const last = table.at(-1)?.[3] ?? 160;
    const blocks = table.map((row, i) => {
      const dilation = dilated && table.length - i <= 3 ? 2 : 1;
      return new InvertedResidual(row, row[5] === "relu" ? "relu" : deep, { stride: row[6], dilation }, style);
    });
    this.features = new Sequential(
      new ConvNormAct(inChannels, first, { stride: stem === "cifar" ? 1 : 2, activation: deep, ...style }),
      ...blocks,
      new ConvNormAct(last, 6 * last, { kernel: 1, activation: deep, ...style }),
    );
    const hidden = makeDivisible((lastChannels / (reducedTail ? 2 : 1)) * width);
    const linear = { init: init.normal(0, 0.01), biasInit: init.constant(0) };
    this.classifier = new Sequential(
      new Linear(6 * last, hidden, linear),
      activation(deep),
      new Dropout(dropout),
      new Linear(hidden, classes, linear),
    );
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))));
  }
}

for (const [size, description] of [
  ["large", "15 inverted residuals, for fast phones"],
  ["small", "11 inverted residuals, for slow ones"],
] as const) {
  const { parameters, multiplyAdds } = published[`mobilenet_v3_${size}`];
  registerModel({
    name: `mobilenet_v3_${size}`,
    family: "MobileNetV3",
    description,
    reference: "Howard et al. 2019, arXiv 1905.02244",
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "activation", "norm", "stem"],
    build: (options) => new MobileNetV3(size, options),
  });
}
