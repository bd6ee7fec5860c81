import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  Module,
  ReLU,
  residual,
  Sequential,
  sequence,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { type ModelOptions, registerModel } from "./registry.js";

/**
 * The networks of Dive into Deep Learning, section 8.8 (Zhang et al., d2l.ai), and of its exercises, for Fashion-MNIST:
 * RegNetX32, a variant of plain residual blocks (DeResNeXt), and the VioNets, which each break one of RegNet's rules:
 * depths (d), channels (c), group widths (g) or bottlenecks (b) that do not keep to them.
 *
 * As in the book every convolution has a bias, the bottleneck multiplies the width (the paper's divides it), and the
 * weights begin as PyTorch's do: the book's Xavier initialisation runs before its lazy layers exist, and so does nothing.
 */

/** Blocks of one width; the first halves the image. */
export interface D2lStage {
  /** Blocks. */
  readonly depth: number;
  /** Channels that the blocks hand on. */
  readonly channels: number;
  /** Channels of a group; the book calls it `groups`. */
  readonly groupWidth: number;
  /** The inner width over the width. */
  readonly bottleneck: number;
}

/** A network of the book: `residual` blocks have two 3x3 convolutions, and neither groups nor a bottleneck. */
export interface D2lDesign {
  readonly block: "resnext" | "residual";
  readonly stages: readonly D2lStage[];
}

interface Row extends D2lDesign {
  readonly inputSize: number;
  readonly description: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
}

function stages(
  depths: readonly number[],
  channels: readonly number[],
  groupWidths: readonly number[] = [],
  bottlenecks: readonly number[] = [],
): D2lStage[] {
  return depths.map((depth, i) => ({
    depth,
    channels: channels[i] ?? 0,
    groupWidth: groupWidths[i] ?? 16,
    bottleneck: bottlenecks[i] ?? 1,
  }));
}

const published: Record<string, Row> = {
  d2l_regnet_x32: {
    block: "resnext",
    stages: stages([4, 6], [32, 80]),
    inputSize: 96,
    description: "the book's RegNetX32, two stages",
    parameters: 179_290,
    multiplyAdds: 40e6,
  },
  d2l_regnet_x32_4stage: {
    block: "resnext",
    stages: stages([4, 6, 8, 16], [32, 80, 128, 256]),
    inputSize: 224,
    description: "RegNetX32 with four stages",
    parameters: 3_328_954,
    multiplyAdds: 443e6,
  },
  d2l_deresnext: {
    block: "residual",
    stages: stages([5, 6], [32, 80]),
    inputSize: 224,
    description: "RegNetX32 of plain residual blocks",
    parameters: 757_530,
    multiplyAdds: 813e6,
  },
  d2l_vionet_d: {
    block: "resnext",
    stages: stages([6, 4], [32, 80]),
    inputSize: 224,
    description: "RegNetX32 with fewer blocks in the later stage",
    parameters: 143_098,
    multiplyAdds: 223e6,
  },
  d2l_vionet_c: {
    block: "resnext",
    stages: stages([4, 6], [80, 32]),
    inputSize: 224,
    description: "RegNetX32 with fewer channels in the later stage",
    parameters: 145_690,
    multiplyAdds: 369e6,
  },
  d2l_vionet_g: {
    block: "resnext",
    stages: stages([4, 6], [32, 80], [16, 32]),
    inputSize: 224,
    description: "RegNetX32 with another group width in each stage",
    parameters: 282_970,
    multiplyAdds: 301e6,
  },
  d2l_vionet_b: {
    block: "resnext",
    stages: stages([4, 6], [32, 80], [16, 16], [1, 2]),
    inputSize: 224,
    description: "RegNetX32 with another bottleneck in each stage",
    parameters: 324_250,
    multiplyAdds: 337e6,
  },
};

/** The book's ResNeXtBlock; its shortcut, where the shape changes, has batch norm. */
class ResNeXtBlock extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly conv3: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly bn2: BatchNorm2d;
  readonly bn3: BatchNorm2d;
  readonly conv4: Conv2d | null;
  readonly bn4: BatchNorm2d | null;
  readonly relu = new ReLU();

  constructor(into: number, { channels, groupWidth, bottleneck }: D2lStage, first: boolean) {
    super();
    const inner = Math.round(channels * bottleneck);
    const stride = first ? 2 : 1;
    this.conv1 = new Conv2d(into, inner, 1);
    // Whole groups only, as the book divides.
    this.conv2 = new Conv2d(inner, inner, 3, { stride, padding: 1, groups: Math.floor(inner / groupWidth) });
    this.conv3 = new Conv2d(inner, channels, 1);
    this.bn1 = new BatchNorm2d(inner);
    this.bn2 = new BatchNorm2d(inner);
    this.bn3 = new BatchNorm2d(channels);
    this.conv4 = first ? new Conv2d(into, channels, 1, { stride }) : null;
    this.bn4 = first ? new BatchNorm2d(channels) : null;
  }

  forward(x: Tensor): Tensor {
    const { relu } = this;
    const branch = [this.conv1, this.bn1, relu, this.conv2, this.bn2, relu, this.conv3, this.bn3];
    const shortcut = this.conv4 && this.bn4 ? [this.conv4, this.bn4] : [];
    return residual(x, branch, () => sequence(x, shortcut), relu);
  }
}

/** The book's Residual; its shortcut, where the shape changes, has no batch norm. */
class Residual extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly conv3: Conv2d | null;
  readonly bn1: BatchNorm2d;
  readonly bn2: BatchNorm2d;
  readonly relu = new ReLU();

  constructor(into: number, { channels }: D2lStage, first: boolean) {
    super();
    const stride = first ? 2 : 1;
    this.conv1 = new Conv2d(into, channels, 3, { stride, padding: 1 });
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1 });
    this.conv3 = first ? new Conv2d(into, channels, 1, { stride }) : null;
    this.bn1 = new BatchNorm2d(channels);
    this.bn2 = new BatchNorm2d(channels);
  }

  forward(x: Tensor): Tensor {
    const branch = [this.conv1, this.bn1, this.relu, this.conv2, this.bn2];
    return residual(x, branch, () => this.conv3?.forward(x) ?? x, this.relu);
  }
}

const STEM = 32;

/** The book's AnyNet. */
export class D2lAnyNet extends Module {
  readonly net: Sequential;

  /** @throws ArgumentError when channels and groups do not divide, or a stage has a width that is no count */
  constructor({ block, stages: rows }: D2lDesign, options: Pick<ModelOptions, "classes" | "inChannels"> = {}) {
    super();
    const { classes = 10, inChannels = 1 } = options;
    const Block = block === "resnext" ? ResNeXtBlock : Residual;
    let channels = STEM;
    const built = rows.map((row, i) => {
      const blocks = Array.from({ length: row.depth }, (_, j) => {
        const made = new Block(channels, row, j === 0);
        channels = row.channels;
        return made;
      });
      return [`stage${i + 1}`, new Sequential(...blocks)] as const;
    });
    this.net = new Sequential({
      0: new Sequential(new Conv2d(inChannels, STEM, 3, { stride: 2, padding: 1 }), new BatchNorm2d(STEM), new ReLU()),
      ...Object.fromEntries(built),
      head: new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(channels, classes)),
    });
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

for (const [name, { description, inputSize, parameters, multiplyAdds, ...row }] of Object.entries(published)) {
  registerModel({
    name,
    family: "d2l",
    description,
    reference: "Zhang et al., Dive into Deep Learning, section 8.8",
    inputSize,
    inChannels: 1,
    classes: 10,
    parameters,
    multiplyAdds,
    accepts: [],
    build: (options) => new D2lAnyNet(row, options),
  });
}
