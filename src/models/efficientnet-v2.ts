import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  ConvNormAct,
  Dropout,
  Flatten,
  FusedMBConv,
  init,
  Linear,
  MBConv,
  Module,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, type Normalization, registerModel } from "./registry.js";

/**
 * EfficientNetV2 (Tan and Le 2021, arXiv 2104.00298, table 4): the early stages are Fused-MBConv blocks without
 * squeeze-and-excitation, the later ones MBConv with it. The figures are those of the authors' code, whose S ends in 256
 * and 1280 channels where the paper's first version prints 272 and 1792. Names are torchvision's.
 */
export interface EfficientNetV2Stage {
  readonly block: "fused" | "mbconv";
  readonly expansion: number;
  readonly stride: number;
  readonly channels: number;
  readonly layers: number;
}

export interface EfficientNetV2Row {
  /** Channels of the first convolution. */
  readonly stem: number;
  readonly stages: readonly EfficientNetV2Stage[];
  /** Channels of the last convolution. */
  readonly head: number;
}

function fused(expansion: number, stride: number, channels: number, layers: number): EfficientNetV2Stage {
  return { block: "fused", expansion, stride, channels, layers };
}

function mbconv(expansion: number, stride: number, channels: number, layers: number): EfficientNetV2Stage {
  return { block: "mbconv", expansion, stride, channels, layers };
}

const small: EfficientNetV2Row = {
  stem: 24,
  stages: [
    fused(1, 1, 24, 2),
    fused(4, 2, 48, 4),
    fused(4, 2, 64, 4),
    mbconv(4, 2, 128, 6),
    mbconv(6, 1, 160, 9),
    mbconv(6, 2, 256, 15),
  ],
  head: 1280,
};

const medium: EfficientNetV2Row = {
  stem: 24,
  stages: [
    fused(1, 1, 24, 3),
    fused(4, 2, 48, 5),
    fused(4, 2, 80, 5),
    mbconv(4, 2, 160, 7),
    mbconv(6, 1, 176, 14),
    mbconv(6, 2, 304, 18),
    mbconv(6, 1, 512, 5),
  ],
  head: 1280,
};

const large: EfficientNetV2Row = {
  stem: 32,
  stages: [
    fused(1, 1, 32, 4),
    fused(4, 2, 64, 7),
    fused(4, 2, 96, 7),
    mbconv(4, 2, 192, 10),
    mbconv(6, 1, 224, 19),
    mbconv(6, 2, 384, 25),
    mbconv(6, 1, 640, 7),
  ],
  head: 1280,
};

const extraLarge: EfficientNetV2Row = {
  stem: 32,
  stages: [
    fused(1, 1, 32, 4),
    fused(4, 2, 64, 8),
    fused(4, 2, 96, 8),
    mbconv(4, 2, 192, 16),
    mbconv(6, 1, 256, 24),
    mbconv(6, 2, 512, 32),
    mbconv(6, 1, 640, 8),
  ],
  head: 1280,
};

/** B0; B1 to B3 are scaled from it. */
const base: EfficientNetV2Row = {
  stem: 32,
  stages: [
    fused(1, 1, 16, 1),
    fused(4, 2, 32, 2),
    fused(4, 2, 48, 2),
    mbconv(4, 2, 96, 3),
    mbconv(6, 1, 112, 5),
    mbconv(6, 2, 192, 8),
  ],
  head: 1280,
};

/** The nearest multiple of 8, halves up. V1's rounding never loses more than a tenth; the authors' V2 code lets it. */
function round8(channels: number): number {
  return Math.max(8, Math.floor((channels + 4) / 8) * 8);
}

function scaled(row: EfficientNetV2Row, width: number, depth: number): EfficientNetV2Row {
  return {
    stem: round8(row.stem * width),
    stages: row.stages.map((stage) => ({
      ...stage,
      channels: round8(stage.channels * width),
      layers: Math.ceil(stage.layers * depth),
    })),
    head: round8(row.head * width),
  };
}

/**
 * To [-1, 1], which the authors train S to XL with; torchvision's S and M, and B0 to B3, which the authors train as V1,
 * have ImageNet's statistics.
 */
const half: Normalization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const published = {
  efficientnet_v2_s: {
    row: small,
    size: 384,
    dropout: 0.2,
    parameters: 21_458_488,
    multiplyAdds: 8.366e9,
    normalization: IMAGENET_NORMALIZATION,
  },
  efficientnet_v2_m: {
    row: medium,
    size: 480,
    dropout: 0.3,
    parameters: 54_139_356,
    multiplyAdds: 24.582e9,
    normalization: IMAGENET_NORMALIZATION,
  },
  efficientnet_v2_l: {
    row: large,
    size: 480,
    dropout: 0.4,
    parameters: 118_515_272,
    multiplyAdds: 56.08e9,
    normalization: half,
  },
  efficientnet_v2_xl: {
    row: extraLarge,
    size: 512,
    dropout: 0.4,
    parameters: 208_119_808,
    multiplyAdds: 93.353e9,
    normalization: half,
  },
  efficientnet_v2_b0: {
    row: base,
    size: 224,
    dropout: 0.2,
    parameters: 7_139_704,
    multiplyAdds: 0.718e9,
    normalization: IMAGENET_NORMALIZATION,
  },
  efficientnet_v2_b1: {
    row: scaled(base, 1.0, 1.1),
    size: 240,
    dropout: 0.2,
    parameters: 8_141_052,
    multiplyAdds: 1.197e9,
    normalization: IMAGENET_NORMALIZATION,
  },
  efficientnet_v2_b2: {
    row: scaled(base, 1.1, 1.2),
    size: 260,
    dropout: 0.3,
    parameters: 10_096_086,
    multiplyAdds: 1.698e9,
    normalization: IMAGENET_NORMALIZATION,
  },
  efficientnet_v2_b3: {
    row: scaled(base, 1.2, 1.4),
    size: 300,
    dropout: 0.3,
    parameters: 14_358_406,
    multiplyAdds: 3.011e9,
    normalization: IMAGENET_NORMALIZATION,
  },
};

/** The network of a row, one of the tables above or one's own. */
export class EfficientNetV2 extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Sequential;

  /**
   * @param options.dropout default 0.2
   * @param options.stochasticDepth default 0.2
   */
  constructor(row: EfficientNetV2Row, options: ModelOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0.2, stochasticDepth = 0.2, stem = "imagenet" } = options;
    const { activation = "silu", norm = (channels) => new BatchNorm2d(channels, { eps: 0.001 }) } = options;
    const zero = init.constant(0);
    const style = { activation, norm, init: init.kaimingNormal({ mode: "fanOut" }), biasInit: zero };
    const blocks = row.stages.reduce((sum, { layers }) => sum + layers, 0);

    let channels = row.stem;
    let built = 0;
    const layers: Module[] = [new ConvNormAct(inChannels, channels, { stride: stem === "cifar" ? 1 : 2, ...style })];
    for (const { block, expansion, ...stage } of row.stages) {
      const Block = block === "fused" ? FusedMBConv : MBConv;
      const squeeze = block === "fused" ? null : 0.25;
      const elements: Module[] = [];
      for (let i = 0; i < stage.layers; i++) {
        const stride = i === 0 ? stage.stride : 1;
        const drop = { stochasticDepth: (stochasticDepth * built++) / blocks };
        elements.push(new Block(channels, stage.channels, { expansion, stride, squeeze, drop, ...style }));
        channels = stage.channels;
      }
      layers.push(new Sequential(...elements));
    }
    layers.push(new ConvNormAct(channels, row.head, { kernel: 1, ...style }));
    this.features = new Sequential(...layers); // [N, head, H/32, W/32]
    const bound = 1 / Math.sqrt(classes);
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(row.head, classes, { init: init.uniform(-bound, bound), biasInit: zero }),
    );
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))));
  }
}

for (const [name, { row, size, dropout, parameters, multiplyAdds, normalization }] of Object.entries(published)) {
  registerModel({
    name,
    family: "EfficientNetV2",
    description: `stages of ${row.stages.map(({ layers }) => layers).join(" + ")} blocks`,
    reference: "Tan and Le 2021, arXiv 2104.00298",
    inputSize: size,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization,
    accepts: ["dropout", "stochasticDepth", "activation", "norm", "stem"],
    build: (options) => new EfficientNetV2(row, { dropout, ...options }),
  });
}
