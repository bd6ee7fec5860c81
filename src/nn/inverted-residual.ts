import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import type { ActivationName } from "./activation.js";
import { Sequential } from "./container.js";
import type { Padding } from "./conv.js";
import { ConvNormAct, type NormFactory } from "./conv-norm-act.js";
import { makeDivisible } from "./divisible.js";
import { Dropout, StochasticDepth } from "./dropout.js";
import type { Initializer } from "./init.js";
import { Module } from "./module.js";
import { residual, sequence } from "./sequence.js";
import { SqueezeExcitation } from "./squeeze-excitation.js";

export interface InvertedResidualOptions {
  /** The inner width as a multiple of the input's, rounded to a multiple of 8; default 4. */
  expansion?: number;
  /** Default 3. */
  kernel?: number;
  /** Of the spatial convolution; default 2. */
  stride?: number;
  /** Squeeze-and-excitation's bottleneck as a share of the block's input width; null for none. Default 0.25. */
  squeeze?: number | null;
  /** What the branch ends in: plain dropout with this probability, or stochastic depth. Default `{ dropout: 0.1 }`. */
  drop?: { dropout: number } | { stochasticDepth: number } | null;
  /** Add the input to the result; default where stride and widths allow it. */
  skip?: boolean;
  activation?: ActivationName;
  norm?: NormFactory;
  /** Default `same`. */
  padding?: Padding;
  /** First weights of the convolutions. */
  init?: Initializer;
  /** First biases of squeeze-and-excitation, which alone has any. */
  biasInit?: Initializer;
}

/** What {@link MBConv} and {@link FusedMBConv} share: a branch, and the input added to it. */
abstract class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly skip: boolean;
  readonly drop: Module | null;

  /** @throws ArgumentError when a skip is wanted and the shape changes */
  constructor(inChannels: number, outChannels: number, options: InvertedResidualOptions) {
    super();
    const { stride = 2, drop = { dropout: 0.1 } } = options;
    const keepsShape = stride === 1 && inChannels === outChannels;
    this.skip = options.skip ?? keepsShape;
    if (this.skip && !keepsShape) {
      throw new ArgumentError(
        `${this.constructor.name}: no skip from ${inChannels} to ${outChannels} channels with stride ${stride}`,
        "A skip needs stride 1 and as many channels out as in.",
      );
    }
    this.block = new Sequential(...this.layers(inChannels, outChannels, stride, options));
    if (drop === null) this.drop = null;
    else if ("dropout" in drop) this.drop = new Dropout(drop.dropout);
    // Dropping the whole branch makes sense only where the input goes on beside it.
    else this.drop = this.skip ? new StochasticDepth(drop.stochasticDepth) : null;
  }

  protected abstract layers(
    inChannels: number,
    outChannels: number,
    stride: number,
    options: InvertedResidualOptions,
  ): Module[];

  forward(x: Tensor): Tensor {
    const branch = this.drop ? [this.block, this.drop] : [this.block];
    return this.skip ? residual(x, branch, () => x) : sequence(x, branch);
  }
}

/**
 * Mobile inverted bottleneck (Sandler et al. 2018; Tan and Le 2019, arXiv 1905.11946): 1x1 expansion, depthwise
 * convolution, squeeze-and-excitation, 1x1 projection, dropout, skip. Every convolution has batch norm; the projection has
 * no activation. `[N, in, H, W]` → `[N, out, ⌈H / stride⌉, ⌈W / stride⌉]`.
 *
 * With expansion 1 there is no expansion convolution. The names are torchvision's (`block.0.0.weight`, …).
 */
export class MBConv extends InvertedResidual {
  protected override layers(
    inChannels: number,
    outChannels: number,
    stride: number,
    options: InvertedResidualOptions,
  ): Module[] {
    const { expansion = 4, kernel = 3, padding, norm, init, activation = "silu" } = options;
    const hidden = makeDivisible(inChannels * expansion);
    return [
      ...(hidden === inChannels ? [] : [new ConvNormAct(inChannels, hidden, { kernel: 1, norm, activation, init })]),
      new ConvNormAct(hidden, hidden, { kernel, stride, padding, groups: hidden, norm, activation, init }),
      ...squeezeExcitation(inChannels, hidden, options),
      new ConvNormAct(hidden, outChannels, { kernel: 1, norm, activation: null, init }),
    ];
  }
}

/**
 * {@link MBConv} with expansion and depthwise convolution fused into one standard convolution (Gupta and Tan 2019; Tan and
 * Le 2021, arXiv 2104.00298). With expansion 1 the one convolution is all there is. EfficientNetV2 uses it without
 * squeeze-and-excitation (`squeeze: null`).
 */
export class FusedMBConv extends InvertedResidual {
  protected override layers(
    inChannels: number,
    outChannels: number,
    stride: number,
    options: InvertedResidualOptions,
  ): Module[] {
    const { expansion = 4, kernel = 3, padding, norm, init, activation = "silu" } = options;
    const hidden = makeDivisible(inChannels * expansion);
    const fused = { kernel, stride, padding, norm, activation, init };
    if (hidden === inChannels) {
      return [new ConvNormAct(inChannels, outChannels, fused), ...squeezeExcitation(inChannels, outChannels, options)];
    }
    return [
      new ConvNormAct(inChannels, hidden, fused),
      ...squeezeExcitation(inChannels, hidden, options),
      new ConvNormAct(hidden, outChannels, { kernel: 1, norm, activation: null, init }),
    ];
  }
}

function squeezeExcitation(inChannels: number, channels: number, options: InvertedResidualOptions): Module[] {
  const { squeeze = 0.25, init, biasInit } = options;
  if (squeeze === null) return [];
  const squeezeChannels = Math.max(1, Math.floor(inChannels * squeeze));
  return [new SqueezeExcitation(channels, { squeezeChannels, init, biasInit })];
}

/** A block as {@link stage} repeats it. */
export type BlockClass<Options> = new (inChannels: number, outChannels: number, options: Options) => Module;

/**
 * A block `repeats` times: the first one takes `inChannels`, has the stride and no skip, so that it may change the shape;
 * the others keep width and size.
 *
 * @throws ArgumentError when there is nothing to repeat
 */
export function stage(
  Block: BlockClass<InvertedResidualOptions>,
  repeats: number,
  inChannels: number,
  outChannels: number,
  options: InvertedResidualOptions = {},
): Sequential {
  if (!Number.isInteger(repeats) || repeats < 1) throw new ArgumentError(`stage: ${repeats} repeats`);
  const first = new Block(inChannels, outChannels, { ...options, skip: false });
  const rest = Array.from(
    { length: repeats - 1 },
    () => new Block(outChannels, outChannels, { ...options, stride: 1, skip: options.skip ?? true }),
  );
  return new Sequential(first, ...rest);
}
