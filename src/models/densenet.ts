import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
  AvgPool2d,
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
 * DenseNet-BC for ImageNet (Huang et al. 2017, arXiv 1608.06993, table 1): every layer of a block sees the results of all
 * layers before it. Names, and the order of concatenation (older first), are torchvision's.
 */
export interface DenseNetRow {
  /** Channels that each layer adds. */
  readonly growth: number;
  /** Layers in each block. */
  readonly blocks: readonly number[];
  /** Channels of the stem. */
  readonly stemChannels: number;
}

const published: Record<string, DenseNetRow & { parameters: number; multiplyAdds: number }> = {
  densenet121: { growth: 32, blocks: [6, 12, 24, 16], stemChannels: 64, parameters: 7_978_856, multiplyAdds: 2.834e9 },
  densenet161: { growth: 48, blocks: [6, 12, 36, 24], stemChannels: 96, parameters: 28_681_000, multiplyAdds: 7.728e9 },
  densenet169: { growth: 32, blocks: [6, 12, 32, 32], stemChannels: 64, parameters: 14_149_480, multiplyAdds: 3.36e9 },
  densenet201: { growth: 32, blocks: [6, 12, 48, 32], stemChannels: 64, parameters: 20_013_928, multiplyAdds: 4.291e9 },
};

/** The bottleneck's width in units of the growth. */
const BOTTLENECK = 4;

interface LayerStyle {
  norm: NormFactory;
  activation: ActivationName;
  dropout: number;
}

const kaiming = init.kaimingNormal();

/** Norm, activation, 1x1, norm, activation, 3x3: the `growth` channels that a layer adds. */
class DenseLayer extends Module {
  readonly norm1: Module;
  readonly relu1: Module;
  readonly conv1: Conv2d;
  readonly norm2: Module;
  readonly relu2: Module;
  readonly conv2: Conv2d;
  readonly drop: Dropout;

  constructor(into: number, growth: number, style: LayerStyle) {
    super();
    const inner = BOTTLENECK * growth;
    this.norm1 = style.norm(into);
    this.relu1 = activation(style.activation);
    this.conv1 = new Conv2d(into, inner, 1, { bias: false, init: kaiming });
    this.norm2 = style.norm(inner);
    this.relu2 = activation(style.activation);
    this.conv2 = new Conv2d(inner, growth, 3, { padding: 1, bias: false, init: kaiming });
    this.drop = new Dropout(style.dropout);
  }

  forward(x: Tensor): Tensor {
    const { norm1, relu1, conv1, norm2, relu2, conv2, drop } = this;
    return sequence(x, [norm1, relu1, conv1, norm2, relu2, conv2, drop]);
  }
}

/** Layers `denselayer1`, …: `[N, in, H, W]` → `[N, in + layers·growth, H, W]`. */
class DenseBlock extends Module {
  readonly #layers: readonly (readonly [string, DenseLayer])[];

  constructor(layers: number, into: number, growth: number, style: LayerStyle) {
    super();
    this.#layers = Array.from({ length: layers }, (_, i) => [
      `denselayer${i + 1}`,
      new DenseLayer(into + i * growth, growth, style),
    ]);
  }

  override *children(): Iterable<[string, DenseLayer]> {
    for (const [name, layer] of this.#layers) yield [name, layer];
  }

  forward(x: Tensor): Tensor {
    let all = x;
    for (const [, layer] of this.#layers) all = all.cat([layer.forward(all)], 1);
    return all;
  }
}

/** Halves channels, height and width. */
function transition(channels: number, style: LayerStyle): Sequential {
  return new Sequential({
    norm: style.norm(channels),
    relu: activation(style.activation),
    conv: new Conv2d(channels, Math.floor(channels / 2), 1, { bias: false, init: kaiming }),
    pool: new AvgPool2d(2),
  });
}

/** A stem, dense blocks with a transition after each but the last, global pooling and a linear layer. */
export class DenseNet extends Module {
  readonly features: Sequential;
  readonly relu: Module;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly classifier: Linear;

  /**
   * @param options.dropout after every dense layer, as the paper has it where there is no augmentation; default 0
   * @throws ArgumentError when a number of the row is no count, or the probability does not lie in [0, 1]
   */
  constructor(row: DenseNetRow, options: ModelOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0, stem = "imagenet", activation: name = "relu" } = options;
    const { norm = (channels: number) => new BatchNorm2d(channels) } = options;
    const style: LayerStyle = { norm, activation: name, dropout };
    const { growth, blocks, stemChannels } = row;
    if (blocks.length === 0 || !blocks.every((layers) => Number.isInteger(layers) && layers > 0)) {
      throw new ArgumentError(
        `DenseNet: blocks [${blocks.join(", ")}] are not counts`,
        "Give numbers such as [6, 12, 24].",
      );
    }
    const layers: Record<string, Module> = {
      conv0: new Conv2d(inChannels, stemChannels, stem === "cifar" ? 3 : 7, {
        stride: stem === "cifar" ? 1 : 2,
        padding: stem === "cifar" ? 1 : 3,
        bias: false,
        init: kaiming,
      }),
      norm0: norm(stemChannels),
      relu0: activation(name),
      pool0: stem === "cifar" ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 }),
    };
    let channels = stemChannels;
    for (const [i, count] of blocks.entries()) {
      layers[`denseblock${i + 1}`] = new DenseBlock(count, channels, growth, style);
      channels += count * growth;
      if (i + 1 === blocks.length) continue;
      layers[`transition${i + 1}`] = transition(channels, style);
      channels = Math.floor(channels / 2);
    }
    this.features = new Sequential({ ...layers, [`norm${blocks.length + 1}`]: norm(channels) });
    this.relu = activation(name);
    this.classifier = new Linear(channels, classes, { biasInit: init.constant(0) });
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    const features = sequence(x, [this.features, this.relu]);
    return this.classifier.forward(this.flatten.forward(this.avgpool.forward(features)));
  }
}

for (const [name, { parameters, multiplyAdds, ...row }] of Object.entries(published)) {
  registerModel({
    name,
    family: "DenseNet",
    description: `blocks of ${row.blocks.join(" + ")} layers, growth ${row.growth}`,
    reference: "Huang et al. 2017, arXiv 1608.06993",
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "activation", "norm", "stem"],
    build: (options) => new DenseNet(row, options),
  });
}
