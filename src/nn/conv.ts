import { ArgumentError } from "../errors.js";
import { type Pair, pair, type Size2, type Tensor } from "../tensor/index.js";
import { type Initializer, pytorchBias, pytorchWeight } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/**
 * Zeros on each side of the image, or a rule that gives ⌈size / stride⌉ outputs:
 * - `"same"`: dilation·(kernel − 1) zeros in total, shared evenly whatever the stride, as PyTorch models pad;
 * - `"sameTensorFlow"`: only as many as the windows reach for, the odd one right and below, as TensorFlow and Keras do.
 *   With stride 2 on an even size it samples half a pixel beside the other.
 */
export type Padding = Size2 | "same" | "sameTensorFlow";

export interface Conv2dOptions {
  stride?: Size2;
  padding?: Padding;
  dilation?: Size2;
  /** Channels are convolved in so many separate groups; `inChannels` makes it depthwise. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** First weights; default PyTorch's U(±1/√fan-in). */
  init?: Initializer;
  /** First bias; default PyTorch's U(±1/√fan-in). */
  biasInit?: Initializer;
}

/** 2-d convolution: `[N, in, H, W]` → `[N, out, H', W']`. Weight `[out, in / groups, kh, kw]`. */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair | "same" | "sameTensorFlow";
  readonly dilation: Pair;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  /** @throws ArgumentError when the channels do not divide into the groups */
  constructor(inChannels: number, outChannels: number, kernel: Size2, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
    for (const [name, value] of Object.entries({ inChannels, outChannels, groups })) {
      if (!Number.isInteger(value) || value < 1) throw new ArgumentError(`Conv2d: ${name} is ${value}, not a count`);
    }
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError(`Conv2d: ${inChannels} → ${outChannels} channels do not divide into ${groups} groups`);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernel = pair(kernel);
    this.stride = pair(stride);
    this.padding = typeof padding === "string" ? padding : pair(padding);
    this.dilation = pair(dilation);
    this.groups = groups;
    this.weight = new Parameter([outChannels, inChannels / groups, ...this.kernel], options.init ?? pytorchWeight);
    this.bias = bias ? new Parameter([outChannels], options.biasInit ?? pytorchBias(this.weight.shape)) : null;
  }

  forward(x: Tensor): Tensor {
    const { stride, dilation, groups } = this;
    if (typeof this.padding !== "string") {
      return x.conv2d(this.weight, this.bias, { stride, padding: this.padding, dilation, groups });
    }
    const [top, bottom] = this.#zeros(x.size(-2), 0);
    const [left, right] = this.#zeros(x.size(-1), 1);
    if (top === bottom && left === right) {
      return x.conv2d(this.weight, this.bias, { stride, padding: [top, left], dilation, groups });
    }
    return x.pad([left, right, top, bottom]).conv2d(this.weight, this.bias, { stride, dilation, groups });
  }

  /** Zeros before and after along an axis of the given size. */
  #zeros(size: number, axis: 0 | 1): Pair {
    const reach = this.dilation[axis] * (this.kernel[axis] - 1);
    const stride = this.stride[axis];
    const total =
      this.padding === "same" ? reach : Math.max((Math.ceil(size / stride) - 1) * stride + reach + 1 - size, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
}
