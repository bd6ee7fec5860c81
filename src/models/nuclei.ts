import {
  AdaptiveAvgPool2d,
  ConvNormAct,
  Dropout,
  Flatten,
  FusedMBConv,
  init,
  Linear,
  MBConv,
  Module,
  Sequential,
  stage,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { type ModelOptions, registerModel } from "./registry.js";

export interface NucleiBasicOptions extends ModelOptions {
  /** Probability of the dropout that every block's branch ends in; default 0.1. */
  blockDropout?: number;
}

/**
 * A small network of the elements of EfficientNetV2 (Tan and Le 2021, arXiv 2104.00298) for 90x90 crops of cell nuclei.
 *
 * The assignment that it answers shows its network in a figure that is lost, so this one is Fovea's own: a stem, one stage
 * of Fused-MBConv, three of MBConv, and a head, every element with the assignment's defaults (expansion 4, stride 2 in the
 * first of a stage, squeeze-and-excitation 0.25, dropout 0.1, `same` padding). 90 → 45 → 23 → 12 → 6 → 6.
 */
export class NucleiBasic extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor({ classes = 3, inChannels = 3, dropout = 0.2, blockDropout = 0.1 }: NucleiBasicOptions = {}) {
    super();
    const convolution = init.kaimingNormal({ mode: "fanOut" });
    const block = { init: convolution, drop: { dropout: blockDropout } };
    this.features = new Sequential(
      new ConvNormAct(inChannels, 24, { stride: 2, activation: "silu", init: convolution }), // [N, 24, 45, 45]
      stage(FusedMBConv, 2, 24, 32, block), // [N, 32, 23, 23]
      stage(MBConv, 2, 32, 64, block), // [N, 64, 12, 12]
      stage(MBConv, 2, 64, 112, block), // [N, 112, 6, 6]
      stage(MBConv, 1, 112, 128, { ...block, stride: 1 }), // [N, 128, 6, 6]
      new ConvNormAct(128, 256, { kernel: 1, activation: "silu", init: convolution }), // [N, 256, 6, 6]
    );
    this.classifier = new Sequential(
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Dropout(dropout),
      new Linear(256, classes, { init: init.normal(0, 0.01), biasInit: init.constant(0) }),
    );
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x));
  }
}

registerModel({
  name: "nuclei_basic",
  family: "Nuclei",
  description: "MBConv and Fused-MBConv blocks for 90x90 cell nuclei",
  reference: "Fovea, after arXiv 2104.00298",
  inputSize: 90,
  inChannels: 3,
  classes: 3,
  parameters: 492_681,
  multiplyAdds: 57e6,
  accepts: ["dropout"],
  build: (options) => new NucleiBasic(options),
});
