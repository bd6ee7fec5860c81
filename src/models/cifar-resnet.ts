import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  init,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { CIFAR10_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * The residual networks of He et al. 2016 (arXiv 1512.03385, section 4.2) for 32x32 images, as the UvA deep-learning
 * tutorial 5 builds them: three groups of 16, 32 and 64 channels, and a 1x1 convolution with bias and without batch norm
 * where a group begins by halving the image. Depth 6n + 2 for n blocks in a group.
 */
class ResNetBlock extends Module {
  readonly net: Sequential;
  readonly downsample: Conv2d | null;
  readonly actFn = new ReLU();

  constructor(inChannels: number, outChannels: number, subsample: boolean) {
    super();
    const kaiming = init.kaimingNormal({ mode: "fanOut" });
    const convolution = { padding: 1, bias: false, init: kaiming };
    this.net = new Sequential(
      new Conv2d(inChannels, outChannels, 3, { ...convolution, stride: subsample ? 2 : 1 }),
      new BatchNorm2d(outChannels),
      new ReLU(),
      new Conv2d(outChannels, outChannels, 3, convolution),
      new BatchNorm2d(outChannels),
    );
    this.downsample = subsample ? new Conv2d(inChannels, outChannels, 1, { stride: 2, init: kaiming }) : null;
  }

  forward(x: Tensor): Tensor {
    const shortcut = this.downsample ? this.downsample.forward(x) : x;
    return this.actFn.forward(this.net.forward(x).add(shortcut));
  }
}

export class CifarResNet extends Module {
  readonly inputNet: Sequential;
  readonly blocks: Sequential;
  readonly outputNet: Sequential;

  /** @param blocksPerGroup n of the depth 6n + 2 */
  constructor(blocksPerGroup: number, { classes = 10, inChannels = 3 }: ModelOptions = {}) {
    super();
    const kaiming = init.kaimingNormal({ mode: "fanOut" });
    this.inputNet = new Sequential(
      new Conv2d(inChannels, 16, 3, { padding: 1, bias: false, init: kaiming }),
      new BatchNorm2d(16),
      new ReLU(),
    );
    const blocks: ResNetBlock[] = [];
    for (const [group, width] of [16, 32, 64].entries()) {
      for (let i = 0; i < blocksPerGroup; i++) {
        const first = i === 0 && group > 0;
        blocks.push(new ResNetBlock(first ? width / 2 : width, width, first));
      }
    }
    this.blocks = new Sequential(...blocks); // [N, 64, 8, 8]
    this.outputNet = new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(64, classes));
  }

  /** `[N, inChannels, 32, 32]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.outputNet.forward(this.blocks.forward(this.inputNet.forward(x)));
  }
}

registerModel({
  name: "cifar_resnet20",
  family: "ResNet",
  description: "ResNet-20 for 32x32 images, 3 blocks in each of 3 groups",
  reference: "He et al. 2016, arXiv 1512.03385; UvA deep-learning tutorial 5",
  inputSize: 32,
  inChannels: 3,
  classes: 10,
  parameters: 272_378,
  multiplyAdds: 41e6,
  normalization: CIFAR10_NORMALIZATION,
  accepts: [],
  build: (options) => new CifarResNet(3, options),
});
