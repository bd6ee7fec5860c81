import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { type ActivationName, activation } from "./activation.js";
import { Conv2d } from "./conv.js";
import type { Initializer } from "./init.js";
import { Module } from "./module.js";

export interface SqueezeExcitationOptions {
  /** The bottleneck's width as a share of the channels, in (0, 1]; default 0.25. */
  ratio?: number;
  /** The bottleneck's width itself, in place of a ratio. */
  squeezeChannels?: number;
  /** Between the two layers; default SiLU. */
  activation?: ActivationName;
  /** What makes the factors; default sigmoid. */
  gate?: ActivationName;
  init?: Initializer;
  /** First biases; default PyTorch's U(±1/√fan-in). */
  biasInit?: Initializer;
}

/**
 * Scales every channel by a factor computed from the means of all channels (Hu et al. 2018, arXiv 1709.01507): global mean,
 * 1x1 convolution to the bottleneck, activation, 1x1 convolution back, gate. Names are torchvision's (`fc1`, `fc2`).
 */
export class SqueezeExcitation extends Module {
  readonly fc1: Conv2d;
  readonly activation: Module;
  readonly fc2: Conv2d;
  readonly gate: Module;

  constructor(channels: number, options: SqueezeExcitationOptions = {}) {
    super();
    const { ratio = 0.25, init, biasInit, activation: between = "silu", gate = "sigmoid" } = options;
    if (!(ratio > 0 && ratio <= 1))
      throw new ArgumentError(`SqueezeExcitation: the ratio ${ratio} does not lie in (0, 1]`);
    const squeezed = options.squeezeChannels ?? Math.max(1, Math.floor(channels * ratio));
    this.fc1 = new Conv2d(channels, squeezed, 1, { init, biasInit });
    this.activation = activation(between);
    this.fc2 = new Conv2d(squeezed, channels, 1, { init, biasInit });
    this.gate = activation(gate);
  }

  /** `[N, C, H, W]` → the same shape. */
  forward(x: Tensor): Tensor {
    const means = x.mean([2, 3], true);
    return x.mul(this.gate.forward(this.fc2.forward(this.activation.forward(this.fc1.forward(means)))));
  }
}
