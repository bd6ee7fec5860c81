import { ArgumentError } from "../errors.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  ConvNormAct,
  Dropout,
  Flatten,
  init,
  Linear,
  MBConv,
  Module,
  makeDivisible,
  type NormFactory,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { compoundScaling, type Scaling } from "./compound-scaling.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * EfficientNet (Tan and Le 2019, arXiv 1905.11946, table 1): a base network found by search, and larger ones by scaling its
 * depth, width and resolution together. Names are torchvision's.
 */
interface Stage {
  readonly expansion: number;
  readonly kernel: number;
  readonly stride: number;
  readonly channels: number;
  readonly layers: number;
}

/** The base network, B0. */
const base: readonly Stage[] = [
  { expansion: 1, kernel: 3, stride: 1, channels: 16, layers: 1 },
  { expansion: 6, kernel: 3, stride: 2, channels: 24, layers: 2 },
  { expansion: 6, kernel: 5, stride: 2, channels: 40, layers: 2 },
  { expansion: 6, kernel: 3, stride: 2, channels: 80, layers: 3 },
  { expansion: 6, kernel: 5, stride: 1, channels: 112, layers: 3 },
  { expansion: 6, kernel: 5, stride: 2, channels: 192, layers: 4 },
  { expansion: 6, kernel: 3, stride: 1, channels: 320, layers: 1 },
];

/** TensorFlow's batch norm, which weights ported from there need: its momentum 0.99 is PyTorch's 0.01. */
const tensorFlowNorm: NormFactory = (channels) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 });

interface Variant {
  readonly width: number;
  readonly depth: number;
  readonly size: number;
  readonly dropout: number;
  /** Default PyTorch's batch norm. */
  readonly norm?: NormFactory;
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** How B0 was scaled, in the figures of the authors' code; the size is the one that torchvision's weights are used with. */
const published: Record<string, Variant> = {
  efficientnet_b0: { width: 1.0, depth: 1.0, size: 224, dropout: 0.2, parameters: 5_288_548, multiplyAdds: 0.386e9 },
  efficientnet_b1: { width: 1.0, depth: 1.1, size: 240, dropout: 0.2, parameters: 7_794_184, multiplyAdds: 0.687e9 },
  efficientnet_b2: { width: 1.1, depth: 1.2, size: 288, dropout: 0.3, parameters: 9_109_994, multiplyAdds: 1.088e9 },
  efficientnet_b3: { width: 1.2, depth: 1.4, size: 300, dropout: 0.3, parameters: 12_233_232, multiplyAdds: 1.827e9 },
  efficientnet_b4: { width: 1.4, depth: 1.8, size: 380, dropout: 0.4, parameters: 19_341_616, multiplyAdds: 4.394e9 },
  efficientnet_b5: {
    width: 1.6,
    depth: 2.2,
    size: 456,
    dropout: 0.4,
    norm: tensorFlowNorm,
    parameters: 30_389_784,
    multiplyAdds: 10.266e9,
  },
  efficientnet_b6: {
    width: 1.8,
    depth: 2.6,
    size: 528,
    dropout: 0.5,
    norm: tensorFlowNorm,
    parameters: 43_040_704,
    multiplyAdds: 19.068e9,
  },
  efficientnet_b7: {
    width: 2.0,
    depth: 3.1,
    size: 600,
    dropout: 0.5,
    norm: tensorFlowNorm,
    parameters: 66_347_960,
    multiplyAdds: 37.746e9,
  },
};

/** The image that B0 is made for; the resolution scales it. */
const BASE_SIZE = 224;

export interface EfficientNetOptions extends ModelOptions {
  /** Factor of the base network's channels, each then rounded to a multiple of 8; above 0, default 1. */
  width?: number;
  /** Factor of its numbers of layers, each then rounded up; above 0, default 1. */
  depth?: number;
}

/** The base network with its width and depth multiplied; by default B0. */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Sequential;

  /**
   * @param options.dropout default 0.2
   * @param options.stochasticDepth default 0.2
   * @throws ArgumentError for a width or depth that is not above 0
   */
  constructor(options: EfficientNetOptions = {}) {
    super();
    const { width = 1, depth = 1, classes = 1000, inChannels = 3, dropout = 0.2, stochasticDepth = 0.2 } = options;
    const { activation = "silu", norm, stem = "imagenet" } = options;
    if (!(width > 0 && depth > 0)) {
      throw new ArgumentError(`EfficientNet: width ${width} and depth ${depth} must be above 0`);
    }
    const zero = init.constant(0);
    const style = { activation, norm, init: init.kaimingNormal({ mode: "fanOut" }), biasInit: zero };
    const scale = (channels: number) => makeDivisible(channels * width);
    const stages = base.map((stage) => ({
      ...stage,
      channels: scale(stage.channels),
      layers: Math.ceil(stage.layers * depth),
    }));
    const blocks = stages.reduce((sum, { layers }) => sum + layers, 0);

    let channels = scale(32);
    let built = 0;
    const layers: Module[] = [new ConvNormAct(inChannels, channels, { stride: stem === "cifar" ? 1 : 2, ...style })];
    for (const stage of stages) {
      const elements: Module[] = [];
      for (let i = 0; i < stage.layers; i++) {
        const stride = i === 0 ? stage.stride : 1;
        const drop = { stochasticDepth: (stochasticDepth * built++) / blocks };
        const { expansion, kernel } = stage;
        elements.push(new MBConv(channels, stage.channels, { expansion, kernel, stride, drop, ...style }));
        channels = stage.channels;
      }
      layers.push(new Sequential(...elements));
    }
    layers.push(new ConvNormAct(channels, 4 * channels, { kernel: 1, ...style }));
    this.features = new Sequential(...layers); // [N, 4 · channels, H/32, W/32]
    const bound = 1 / Math.sqrt(classes);
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(4 * channels, classes, { init: init.uniform(-bound, bound), biasInit: zero }),
    );
  }

  /**
   * The base network scaled by φ, and the image size that goes with it, in pixels and as all published ones a multiple of
   * 4: about 2ᵠ times B0's computation. B1–B7 are near φ = 0.5, 1, 2, 4, 5, 6 and 7, with factors rounded by hand.
   *
   * @param scaling φ, or the factors themselves: `{ width: 1.2, depth: 1.4, resolution: 300 / 224 }` is B3
   * @throws ArgumentError for a factor that is not above 0
   */
  static scaled(
    scaling: number | Scaling,
    options: Omit<EfficientNetOptions, "width" | "depth"> = {},
  ): { network: EfficientNet; size: number } {
    const { width, depth, resolution } = typeof scaling === "number" ? compoundScaling(scaling) : scaling;
    if (!(resolution > 0)) throw new ArgumentError(`EfficientNet: resolution ${resolution} must be above 0`);
    const size = 4 * Math.max(1, Math.round((BASE_SIZE * resolution) / 4));
    return { network: new EfficientNet({ ...options, width, depth }), size };
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))));
  }
}

for (const [name, { size, parameters, multiplyAdds, ...own }] of Object.entries(published)) {
  registerModel({
    name,
    family: "EfficientNet",
    description: `width ${own.width.toFixed(1)}, depth ${own.depth.toFixed(1)}`,
    reference: "Tan and Le 2019, arXiv 1905.11946",
    inputSize: size,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "stochasticDepth", "activation", "norm", "stem"],
    build: (options) => new EfficientNet({ ...own, ...options }),
  });
}
