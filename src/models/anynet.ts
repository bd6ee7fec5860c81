import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
  activation,
  ConvNormAct,
  Flatten,
  init,
  Linear,
  Module,
  type NormFactory,
  residual,
  Sequential,
  SqueezeExcitation,
  StochasticDepth,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import type { ModelOptions } from "./registry.js";

/** One stage of an {@link AnyNet}: its first block halves the image. */
export interface AnyNetStage {
  /** Blocks. */
  readonly depth: number;
  /** Channels that the blocks hand on. */
  readonly width: number;
  /** The width over the inner width, b of the RegNet paper; 1 for no bottleneck. */
  readonly bottleneck: number;
  /** Channels of a group of the 3x3 convolution. */
  readonly groupWidth: number;
}

/** A point of the design space. */
export interface AnyNetDesign {
  readonly stages: readonly AnyNetStage[];
  /**
   * `resnext`: 1x1, 3x3 in groups, 1x1, with inner widths and groups as the stages say; `residual`: two 3x3 convolutions
   * of the stage's width.
   */
  readonly block: "resnext" | "residual";
  /** Squeeze-and-excitation's bottleneck as a share of the block's input width, in RegNetY 0.25; null for none. */
  readonly squeeze: number | null;
  /** Channels of the first convolution. */
  readonly stem: number;
}

/** The choices that a network of this design space has. */
export type AnyNetOptions = Omit<ModelOptions, "dropout">;

/** What the blocks of one network share. */
interface Style {
  activation: ActivationName;
  norm?: NormFactory;
  init: init.Initializer;
}

const { kaimingNormal, normal, constant } = init;

/** A branch of convolutions beside the input, or beside its projection where the shape changes. */
class ResidualBlock extends Module {
  readonly proj: ConvNormAct | null;
  readonly f: Sequential;
  readonly drop: StochasticDepth;
  readonly activation: Module;

  constructor(into: number, stage: AnyNetStage, stride: number, drop: number, design: AnyNetDesign, style: Style) {
    super();
    const { width } = stage;
    const linear = { ...style, activation: null };
    this.proj = stride === 1 && into === width ? null : new ConvNormAct(into, width, { kernel: 1, stride, ...linear });
    this.f =
      design.block === "resnext"
        ? resnextBranch(into, stage, stride, design.squeeze, style)
        : new Sequential({
            a: new ConvNormAct(into, width, { stride, ...style }),
            b: new ConvNormAct(width, width, linear),
          });
    this.drop = new StochasticDepth(drop);
    this.activation = activation(style.activation);
  }

  forward(x: Tensor): Tensor {
    return residual(x, [this.f, this.drop], () => this.proj?.forward(x) ?? x, this.activation);
  }
}

function resnextBranch(
  into: number,
  { width, bottleneck, groupWidth }: AnyNetStage,
  stride: number,
  squeeze: number | null,
  style: Style,
): Sequential {
  const inner = Math.round(width / bottleneck);
  if (inner % groupWidth !== 0) {
    throw new ArgumentError(
      `AnyNet: groups of ${groupWidth} channels do not divide an inner width of ${inner} (${width} / ${bottleneck})`,
      "Choose a width that is a multiple of bottleneck x groupWidth.",
    );
  }
  return new Sequential({
    a: new ConvNormAct(into, inner, { kernel: 1, ...style }),
    b: new ConvNormAct(inner, inner, { stride, groups: inner / groupWidth, ...style }),
    ...(squeeze === null
      ? {}
      : {
          se: new SqueezeExcitation(inner, {
            squeezeChannels: Math.round(squeeze * into),
            activation: style.activation,
            init: style.init,
          }),
        }),
    c: new ConvNormAct(inner, width, { kernel: 1, ...style, activation: null }),
  });
}

/**
 * The AnyNet design space (Radosavovic et al. 2020, arXiv 2003.13678, section 3.2): a stem that halves the image, stages of
 * residual blocks with free depths, widths, bottleneck ratios and group widths, global pooling and a linear layer. RegNets
 * are points of it. Names are those of torchvision's RegNet.
 */
export class AnyNet extends Module {
  readonly stem: ConvNormAct;
  readonly trunkOutput: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly fc: Linear;

  /** @throws ArgumentError when there is no stage, or widths, bottlenecks and groups do not divide */
  constructor(design: AnyNetDesign, options: AnyNetOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, stochasticDepth = 0, stem = "imagenet", norm } = options;
    const convolution = kaimingNormal({ mode: "fanOut" });
    const style: Style = { activation: options.activation ?? "relu", norm, init: convolution };
    const { stages } = design;
    if (stages.length === 0) throw new ArgumentError("AnyNet: a network without stages");
    for (const [i, { depth }] of stages.entries()) {
      if (!Number.isInteger(depth) || depth < 1) throw new ArgumentError(`AnyNet: stage ${i + 1} has ${depth} blocks`);
    }

    this.stem = new ConvNormAct(inChannels, design.stem, { stride: stem === "cifar" ? 1 : 2, ...style });
    const blocks = stages.reduce((sum, { depth }) => sum + depth, 0);
    let channels = design.stem;
    let built = 0;
    const trunk = stages.map((stage, i) => {
      const row = Array.from({ length: stage.depth }, (_, j) => {
        const drop = (stochasticDepth * built++) / Math.max(1, blocks - 1);
        const block = new ResidualBlock(channels, stage, j === 0 ? 2 : 1, drop, design, style);
        channels = stage.width;
        return [`block${i + 1}-${j}`, block] as const;
      });
      return [`block${i + 1}`, new Sequential(Object.fromEntries(row))] as const;
    });
    this.trunkOutput = new Sequential(Object.fromEntries(trunk));
    this.fc = new Linear(channels, classes, { init: normal(0, 0.01), biasInit: constant(0) });
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.fc.forward(this.flatten.forward(this.avgpool.forward(this.trunkOutput.forward(this.stem.forward(x)))));
  }
}
