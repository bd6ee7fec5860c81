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
 * EfficientNet (Tan and Le 2019, arXiv 1905.11946): a base network found by search, and larger ones by scaling its depth,
 * width and resolution together. Names are torchvision's.
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

/** How B0 was scaled, in the figures of the authors' code; the size is the one that torchvision's weights are used with. */
const published = {
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
    parameters: 30_389_784,
    multiplyAdds: 10.266e9,
    tensorFlowNorm: true,
  },
  efficientnet_b6: {
    width: 1.8,
    depth: 2.6,
    size: 528,
    dropout: 0.5,
    parameters: 43_040_704,
    multiplyAdds: 19.068e9,
    tensorFlowNorm: true,
  },
  efficientnet_b7: {
    width: 2.0,
    depth: 3.1,
    size: 600,
    dropout: 0.5,
    parameters: 66_347_960,
    multiplyAdds: 37.746e9,
    tensorFlowNorm: true,
  },
} as const;

const BASE_SIZE = 224;
const convolution = init.kaimingNormal({ mode: "fanOut" });

/** TensorFlow's batch norm, which weights ported from there need: its momentum 0.99 is PyTorch's 0.01. */
const tensorFlowNorm: NormFactory = (channels) => new BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 });

export interface EfficientNetOptions extends ModelOptions {
  /** Factor of the base network's channels; default 1. */
  width?: number;
  /** Factor of its numbers of layers; default 1. */
  depth?: number;
}

export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Sequential;

  /** @param options.stochasticDepth default 0.2 */
  constructor(options: EfficientNetOptions = {}) {
    super();
    const { width = 1, depth = 1, classes = 1000, inChannels = 3, dropout = 0.2, stochasticDepth = 0.2 } = options;
    const { activation: name = "silu", norm, stem = "imagenet" } = options;
    const style = { activation: name, norm, init: convolution, biasInit: init.constant(0) };
    const scale = (channels: number) => makeDivisible(channels * width);
    const stages = base.map((row) => ({
      ...row,
      channels: scale(row.channels),
      layers: Math.ceil(row.layers * depth),
    }));

    let channels = scale(32);
    const layers: Module[] = [new ConvNormAct(inChannels, channels, { stride: stem === "cifar" ? 1 : 2, ...style })];
    const blocks = stages.reduce((sum, stage) => sum + stage.layers, 0);
    let built = 0;
    for (const stage of stages) {
      const { expansion, kernel } = stage;
      const elements = Array.from({ length: stage.layers }, (_, i) => {
        const into = i === 0 ? channels : stage.channels;
        const drop = { stochasticDepth: (stochasticDepth * built++) / blocks };
        return new MBConv(into, stage.channels, {
          expansion,
          kernel,
          stride: i === 0 ? stage.stride : 1,
          drop,
          ...style,
        });
      });
      layers.push(new Sequential(...elements));
      channels = stage.channels;
    }
    layers.push(new ConvNormAct(channels, 4 * channels, { kernel: 1, ...style }));
    this.features = new Sequential(...layers);
    const bound = 1 / Math.sqrt(classes);
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Linear(4 * channels, classes, { init: init.uniform(-bound, bound), biasInit: init.constant(0) }),
    );
  }

  /**
   * The base network scaled by φ, and the image size that goes with it (a multiple of 8): about 2ᵠ times B0's
   * computation. The published B1–B7 are near φ = 0.5, 1, 2, 4, 5, 6 and 7, with factors rounded by hand.
   *
   * @param scaling explicit factors in place of φ
   */
  static scaled(
    scaling: number | Scaling,
    options: Omit<EfficientNetOptions, "width" | "depth"> = {},
  ): { network: EfficientNet; size: number } {
    const { width, depth, resolution } = typeof scaling === "number" ? compoundScaling(scaling) : scaling;
    const size = 8 * Math.round((BASE_SIZE * resolution) / 8);
    return { network: new EfficientNet({ ...options, width, depth }), size };
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(this.features.forward(x))));
  }
}

for (const [name, row] of Object.entries(published)) {
  const { width, depth, size, dropout, parameters, multiplyAdds } = row;
  const own = "tensorFlowNorm" in row ? { norm: tensorFlowNorm } : {};
  registerModel({
    name,
    family: "EfficientNet",
    description: `width ${width.toFixed(1)}, depth ${depth.toFixed(1)}`,
    reference: "Tan and Le 2019, arXiv 1905.11946",
    inputSize: size,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "stochasticDepth", "activation", "norm", "stem"],
    build: (options) => new EfficientNet({ width, depth, dropout, ...own, ...options }),
  });
}
