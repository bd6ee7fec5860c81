import {
  type ActivationName,
  AdaptiveAvgPool2d,
  activation,
  Conv2d,
  Dropout,
  Flatten,
  Identity,
  init,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * SqueezeNet (Iandola et al. 2016, arXiv 1602.07360, table 1, and its repository for 1.1): AlexNet's accuracy with a
 * fiftieth of the parameters, by 1x1 convolutions, few channels into the 3x3 ones, and pooling late. No batch norm; every
 * convolution has a bias. Names are torchvision's.
 */

const kaiming = init.kaimingUniform();
const zero = init.constant(0);

/** 1x1 to `squeeze` channels, then 1x1 and 3x3 side by side: `[N, in, H, W]` → `[N, expand1 + expand3, H, W]`. */
export class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly squeezeActivation: Module;
  readonly expand1x1: Conv2d;
  readonly expand1x1Activation: Module;
  readonly expand3x3: Conv2d;
  readonly expand3x3Activation: Module;

  constructor(into: number, squeeze: number, expand1: number, expand3: number, name: ActivationName = "relu") {
    super();
    const start = { init: kaiming, biasInit: zero };
    this.squeeze = new Conv2d(into, squeeze, 1, start);
    this.squeezeActivation = activation(name);
    this.expand1x1 = new Conv2d(squeeze, expand1, 1, start);
    this.expand1x1Activation = activation(name);
    this.expand3x3 = new Conv2d(squeeze, expand3, 3, { ...start, padding: 1 });
    this.expand3x3Activation = activation(name);
  }

  forward(x: Tensor): Tensor {
    const squeezed = this.squeezeActivation.forward(this.squeeze.forward(x));
    const small = this.expand1x1Activation.forward(this.expand1x1.forward(squeezed));
    return small.cat([this.expand3x3Activation.forward(this.expand3x3.forward(squeezed))], 1);
  }
}

/** `pool`, or a fire module as [squeeze, expand 1x1, expand 3x3]. */
type SqueezeNetLayer = "pool" | readonly [squeeze: number, expand1: number, expand3: number];

export interface SqueezeNetRow {
  /** The first convolution, stride 2, without padding. */
  readonly stem: { readonly channels: number; readonly kernel: number };
  readonly layers: readonly SqueezeNetLayer[];
}

const published: Record<string, SqueezeNetRow & { parameters: number; multiplyAdds: number; description: string }> = {
  squeezenet1_0: {
    description: "8 fire modules, pooling after the first, fourth and eighth convolution layer",
    stem: { channels: 96, kernel: 7 },
    layers: [
      "pool",
      [16, 64, 64],
      [16, 64, 64],
      [32, 128, 128],
      "pool",
      [32, 128, 128],
      [48, 192, 192],
      [48, 192, 192],
      [64, 256, 256],
      "pool",
      [64, 256, 256],
    ],
    parameters: 1_248_424,
    multiplyAdds: 819e6,
  },
  squeezenet1_1: {
    description: "SqueezeNet 1.0 with less than half of its computation: a smaller stem, earlier pooling",
    stem: { channels: 64, kernel: 3 },
    layers: [
      "pool",
      [16, 64, 64],
      [16, 64, 64],
      "pool",
      [32, 128, 128],
      [32, 128, 128],
      "pool",
      [48, 192, 192],
      [48, 192, 192],
      [64, 256, 256],
      [64, 256, 256],
    ],
    parameters: 1_235_496,
    multiplyAdds: 349e6,
  },
};

/** A convolution, fire modules with pooling between them, and a 1x1 convolution to the classes in place of a linear layer. */
export class SqueezeNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(row: SqueezeNetRow, options: ModelOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0.5, activation: name = "relu", stem = "imagenet" } = options;
    const { channels, kernel } = row.stem;
    const first =
      stem === "cifar"
        ? new Conv2d(inChannels, channels, 3, { padding: 1, init: kaiming, biasInit: zero })
        : new Conv2d(inChannels, channels, kernel, { stride: 2, init: kaiming, biasInit: zero });
    let width = channels;
    const layers = row.layers.map((layer, i) => {
      if (layer === "pool") {
        // In the pooling's place, so that the fire modules keep their numbers.
        return stem === "cifar" && i === 0 ? new Identity() : new MaxPool2d(3, { stride: 2, ceilMode: true });
      }
      const fire = new Fire(width, ...layer, name);
      width = layer[1] + layer[2];
      return fire;
    });
    this.features = new Sequential(first, activation(name), ...layers);
    this.classifier = new Sequential(
      new Dropout(dropout),
      new Conv2d(width, classes, 1, { init: init.normal(0, 0.01), biasInit: zero }),
      new ReLU(),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
    );
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]`, none below 0: a ReLU comes before the pooling. */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x));
  }
}

for (const [name, { description, parameters, multiplyAdds, ...row }] of Object.entries(published)) {
  registerModel({
    name,
    family: "SqueezeNet",
    description,
    reference: "Iandola et al. 2016, arXiv 1602.07360",
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "activation", "stem"],
    build: (options) => new SqueezeNet(row, options),
  });
}
