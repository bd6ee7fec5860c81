import { ArgumentError } from "../errors.js";
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  activation,
  BatchNorm2d,
  Conv2d,
  Flatten,
  type init,
  Linear,
  Module,
  type NormFactory,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { kaimingFor } from "./activation-gain.js";
import { CIFAR10_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * DenseNet-BC (Huang et al. 2017, arXiv 1608.06993) as the UvA deep-learning tutorial 5 makes it small for 32x32 images:
 * four blocks of six layers that add 16 channels each, and between blocks a transition that halves channels and image.
 * A layer puts its channels before those that it was given; torchvision's puts them behind.
 */
export interface CifarDenseNetOptions extends ModelOptions {
  /** Layers in each block; default [6, 6, 6, 6]. */
  layers?: readonly number[];
  /** Channels that every layer adds; default 16. */
  growthRate?: number;
  /** Width of a layer's 1x1 convolution, and of the stem, in growth rates; default 2. */
  bottleneck?: number;
}

/** What the layers of the whole network have in common. */
interface Layers {
  act: () => Module;
  norm: NormFactory;
  init: init.Initializer;
}

/** `[N, C, H, W]` → `[N, growth + C, H, W]` */
class DenseLayer extends Module {
  readonly net: Sequential;

  constructor(inChannels: number, growthRate: number, bottleneck: number, { act, norm, init }: Layers) {
    super();
    const width = bottleneck * growthRate;
    this.net = new Sequential(
      norm(inChannels),
      act(),
      new Conv2d(inChannels, width, 1, { bias: false, init }),
      norm(width),
      act(),
      new Conv2d(width, growthRate, 3, { padding: 1, bias: false, init }),
    );
  }

  forward(x: Tensor): Tensor {
    return this.net.forward(x).cat([x], 1);
  }
}

class DenseBlock extends Module {
  readonly block: Sequential;

  constructor(inChannels: number, count: number, growthRate: number, bottleneck: number, layers: Layers) {
    super();
    this.block = new Sequential(
      ...Array.from(
        { length: count },
        (_, i) => new DenseLayer(inChannels + i * growthRate, growthRate, bottleneck, layers),
      ),
    );
  }

  forward(x: Tensor): Tensor {
    return this.block.forward(x);
  }
}

/** `[N, C, H, W]` → `[N, outChannels, H/2, W/2]` */
class Transition extends Module {
  readonly transition: Sequential;

  constructor(inChannels: number, outChannels: number, { act, norm, init }: Layers) {
    super();
    this.transition = new Sequential(
      norm(inChannels),
      act(),
      new Conv2d(inChannels, outChannels, 1, { bias: false, init }),
      new AvgPool2d(2),
    );
  }

  forward(x: Tensor): Tensor {
    return this.transition.forward(x);
  }
}

/** See {@link CifarDenseNetOptions}. */
export class CifarDenseNet extends Module {
  readonly inputNet: Sequential;
  readonly blocks: Sequential;
  readonly outputNet: Sequential;

  /** @throws ArgumentError when a size is not a count */
  constructor(options: CifarDenseNetOptions = {}) {
    super();
    const { classes = 10, inChannels = 3, activation: name = "relu" } = options;
    const { layers = [6, 6, 6, 6], growthRate = 16, bottleneck = 2 } = options;
    checkSizes(layers, growthRate, bottleneck);
    const shared: Layers = {
      act: () => activation(name),
      norm: options.norm ?? ((channels) => new BatchNorm2d(channels)),
      init: kaimingFor(name, "fanIn"),
    };
    let width = bottleneck * growthRate;
    // With bias, and without the norm and activation that the first layer begins with.
    this.inputNet = new Sequential(new Conv2d(inChannels, width, 3, { padding: 1, init: shared.init })); // [N, 32, 32, 32]
    const blocks: Module[] = [];
    for (const [i, count] of layers.entries()) {
      if (i > 0) {
        const half = Math.floor(width / 2);
        blocks.push(new Transition(width, half, shared));
        width = half;
      }
      blocks.push(new DenseBlock(width, count, growthRate, bottleneck, shared));
      width += count * growthRate;
    }
    this.blocks = new Sequential(...blocks); // [N, 184, 4, 4]
    this.outputNet = new Sequential(
      shared.norm(width),
      shared.act(),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Linear(width, classes),
    );
  }

  /** `[N, inChannels, 32, 32]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.outputNet.forward(this.blocks.forward(this.inputNet.forward(x)));
  }
}

function checkSizes(layers: readonly number[], growthRate: number, bottleneck: number): void {
  const counts = [...layers, growthRate, bottleneck].every((count) => Number.isInteger(count) && count > 0);
  if (!counts || layers.length === 0) {
    throw new ArgumentError(
      `CifarDenseNet: layers [${layers.join(", ")}], growth rate ${growthRate} and bottleneck ${bottleneck} are not counts`,
      "Give whole numbers above 0, such as layers [6, 6, 6, 6], growth rate 16 and bottleneck 2.",
    );
  }
}

registerModel({
  name: "cifar_densenet",
  family: "DenseNet",
  description: "a small DenseNet for 32x32 images, four blocks of six layers",
  reference: "Huang et al. 2017, arXiv 1608.06993; UvA deep-learning tutorial 5",
  inputSize: 32,
  inChannels: 3,
  classes: 10,
  parameters: 239_146,
  multiplyAdds: 72e6,
  normalization: CIFAR10_NORMALIZATION,
  accepts: ["activation", "norm"],
  build: (options) => new CifarDenseNet(options),
});
