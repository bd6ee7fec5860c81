import { ArgumentError } from "../errors.js";
import {
  type ActivationName,
  AdaptiveAvgPool2d,
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
  residual,
  Sequential,
  StochasticDepth,
  sequence,
} from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { IMAGENET_NORMALIZATION, type ModelOptions, registerModel } from "./registry.js";

/**
 * Residual networks for ImageNet: ResNet (He et al. 2016, arXiv 1512.03385, table 1), ResNeXt (Xie et al. 2017,
 * arXiv 1611.05431) and wide ResNets (Zagoruyko and Komodakis 2016, arXiv 1605.07146). As in torchvision, whose names the
 * parameters have, the 3x3 convolution of a bottleneck carries the stride ("v1.5").
 */
export interface ResNetRow {
  readonly block: "basic" | "bottleneck";
  /** Blocks in each of the four stages. */
  readonly depths: readonly [number, number, number, number];
  /** Groups of the 3x3 convolution; ResNeXt's cardinality. Default 1. */
  readonly groups?: number;
  /** Width of a group in the first stage, doubled in each that follows; default 64. */
  readonly groupWidth?: number;
}

const resnet = { family: "ResNet", reference: "He et al. 2016, arXiv 1512.03385" };
const resnext = { family: "ResNeXt", reference: "Xie et al. 2017, arXiv 1611.05431" };
const wideResnet = { family: "Wide ResNet", reference: "Zagoruyko and Komodakis 2016, arXiv 1605.07146" };

type PublishedRow = ResNetRow & typeof resnet & { readonly parameters: number; readonly multiplyAdds: number };

const published: Record<string, PublishedRow> = {
  resnet18: { ...resnet, block: "basic", depths: [2, 2, 2, 2], parameters: 11_689_512, multiplyAdds: 1.814e9 },
  resnet34: { ...resnet, block: "basic", depths: [3, 4, 6, 3], parameters: 21_797_672, multiplyAdds: 3.664e9 },
  resnet50: { ...resnet, block: "bottleneck", depths: [3, 4, 6, 3], parameters: 25_557_032, multiplyAdds: 4.089e9 },
  resnet101: { ...resnet, block: "bottleneck", depths: [3, 4, 23, 3], parameters: 44_549_160, multiplyAdds: 7.801e9 },
  resnet152: { ...resnet, block: "bottleneck", depths: [3, 8, 36, 3], parameters: 60_192_808, multiplyAdds: 11.514e9 },
  resnext50_32x4d: {
    ...resnext,
    block: "bottleneck",
    depths: [3, 4, 6, 3],
    groups: 32,
    groupWidth: 4,
    parameters: 25_028_904,
    multiplyAdds: 4.23e9,
  },
  resnext101_32x8d: {
    ...resnext,
    block: "bottleneck",
    depths: [3, 4, 23, 3],
    groups: 32,
    groupWidth: 8,
    parameters: 88_791_336,
    multiplyAdds: 16.414e9,
  },
  resnext101_64x4d: {
    ...resnext,
    block: "bottleneck",
    depths: [3, 4, 23, 3],
    groups: 64,
    groupWidth: 4,
    parameters: 83_455_272,
    multiplyAdds: 15.46e9,
  },
  wide_resnet50_2: {
    ...wideResnet,
    block: "bottleneck",
    depths: [3, 4, 6, 3],
    groupWidth: 128,
    parameters: 68_883_240,
    multiplyAdds: 11.398e9,
  },
  wide_resnet101_2: {
    ...wideResnet,
    block: "bottleneck",
    depths: [3, 4, 23, 3],
    groupWidth: 128,
    parameters: 126_886_696,
    multiplyAdds: 22.753e9,
  },
};

export interface ResNetOptions extends ModelOptions {
  /**
   * Begin with residual branches that add nothing: the factor of each one's last batch norm starts at 0 (Goyal et al. 2017,
   * arXiv 1706.02677, section 5.1). Not together with `norm`. Default false.
   */
  zeroInitResidual?: boolean;
}

/** What the blocks of one network share. */
interface BlockStyle {
  norm: NormFactory;
  /** The norm that a branch ends in. */
  lastNorm: NormFactory;
  activation: ActivationName;
}

const kaiming = init.kaimingNormal({ mode: "fanOut" });

function conv(into: number, out: number, kernel: 1 | 3, stride = 1, groups = 1): Conv2d {
  return new Conv2d(into, out, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false, init: kaiming });
}

function shortcut(into: number, out: number, stride: number, norm: NormFactory): Sequential | null {
  return stride === 1 && into === out ? null : new Sequential(conv(into, out, 1, stride), norm(out));
}

/** Two 3x3 convolutions. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: Module;
  readonly conv2: Conv2d;
  readonly bn2: Module;
  readonly downsample: Sequential | null;
  readonly drop: StochasticDepth;

  constructor(into: number, out: number, stride: number, drop: number, style: BlockStyle) {
    super();
    this.conv1 = conv(into, out, 3, stride);
    this.bn1 = style.norm(out);
    this.relu = activation(style.activation);
    this.conv2 = conv(out, out, 3);
    this.bn2 = style.lastNorm(out);
    this.downsample = shortcut(into, out, stride, style.norm);
    this.drop = new StochasticDepth(drop);
  }

  forward(x: Tensor): Tensor {
    const branch = [this.conv1, this.bn1, this.relu, this.conv2, this.bn2, this.drop];
    return residual(x, branch, () => this.downsample?.forward(x) ?? x, this.relu);
  }
}

/** 1x1 to the inner width, 3x3 in groups, 1x1 back. */
class Bottleneck extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly conv2: Conv2d;
  readonly bn2: Module;
  readonly conv3: Conv2d;
  readonly bn3: Module;
  readonly relu: Module;
  readonly downsample: Sequential | null;
  readonly drop: StochasticDepth;

  constructor(
    into: number,
    inner: number,
    out: number,
    stride: number,
    groups: number,
    drop: number,
    style: BlockStyle,
  ) {
    super();
    this.conv1 = conv(into, inner, 1);
    this.bn1 = style.norm(inner);
    this.conv2 = conv(inner, inner, 3, stride, groups);
    this.bn2 = style.norm(inner);
    this.conv3 = conv(inner, out, 1);
    this.bn3 = style.lastNorm(out);
    this.relu = activation(style.activation);
    this.downsample = shortcut(into, out, stride, style.norm);
    this.drop = new StochasticDepth(drop);
  }

  forward(x: Tensor): Tensor {
    const { relu } = this;
    const branch = [this.conv1, this.bn1, relu, this.conv2, this.bn2, relu, this.conv3, this.bn3, this.drop];
    return residual(x, branch, () => this.downsample?.forward(x) ?? x, relu);
  }
}

/** A stem, four stages that halve the image and double the channels, global pooling and a linear layer. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: Module;
  readonly relu: Module;
  readonly maxpool: Module;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly flatten = new Flatten();
  readonly dropout: Dropout;
  readonly fc: Linear;

  /**
   * @throws ArgumentError when a number of the row is no count, a probability does not lie in [0, 1], or
   *   `zeroInitResidual` comes with a `norm`
   */
  constructor(row: ResNetRow, options: ResNetOptions = {}) {
    super();
    const { classes = 1000, inChannels = 3, dropout = 0, stochasticDepth = 0, stem = "imagenet" } = options;
    const { norm = (channels) => new BatchNorm2d(channels), activation: name = "relu", zeroInitResidual } = options;
    const { block, depths, groups = 1, groupWidth = 64 } = row;
    if (!depths.every((depth) => Number.isInteger(depth) && depth > 0)) {
      throw new ArgumentError(
        `ResNet: depths [${depths.join(", ")}] are not counts`,
        "Give numbers such as [2, 2, 2, 2].",
      );
    }
    if (zeroInitResidual && options.norm) {
      throw new ArgumentError(
        "ResNet: zeroInitResidual is about batch norm, and norm replaces it",
        "Choose one of the two.",
      );
    }
    const zero: NormFactory = (channels) => new BatchNorm2d(channels, { init: init.constant(0) });
    const style: BlockStyle = { norm, lastNorm: zeroInitResidual ? zero : norm, activation: name };

    this.conv1 = new Conv2d(inChannels, 64, stem === "cifar" ? 3 : 7, {
      stride: stem === "cifar" ? 1 : 2,
      padding: stem === "cifar" ? 1 : 3,
      bias: false,
      init: kaiming,
    });
    this.bn1 = norm(64);
    this.relu = activation(name);
    this.maxpool = stem === "cifar" ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });

    const blocks = depths.reduce((sum, depth) => sum + depth, 0);
    let channels = 64;
    let built = 0;
    const stage = (index: 0 | 1 | 2 | 3): Sequential => {
      const width = 64 * 2 ** index;
      const layers = Array.from({ length: depths[index] }, (_, i) => {
        const stride = i === 0 && index > 0 ? 2 : 1;
        const drop = blocks > 1 ? (stochasticDepth * built++) / (blocks - 1) : stochasticDepth;
        const into = channels;
        channels = block === "basic" ? width : 4 * width;
        if (block === "basic") return new BasicBlock(into, channels, stride, drop, style);
        const inner = Math.floor((width * groupWidth) / 64) * groups;
        return new Bottleneck(into, inner, channels, stride, groups, drop, style);
      });
      return new Sequential(...layers);
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(channels, classes);
  }

  /** `[N, inChannels, H, W]` → logits `[N, classes]` */
  forward(x: Tensor): Tensor {
    const stem = sequence(x, [this.conv1, this.bn1, this.relu, this.maxpool]);
    const features = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(this.dropout.forward(this.flatten.forward(this.avgpool.forward(features))));
  }
}

for (const [name, { family, reference, parameters, multiplyAdds, ...row }] of Object.entries(published)) {
  registerModel({
    name,
    family,
    description: `${row.block} blocks, ${row.depths.join(" + ")}${row.groups ? `, in ${row.groups} groups` : ""}`,
    reference,
    inputSize: 224,
    inChannels: 3,
    classes: 1000,
    parameters,
    multiplyAdds,
    normalization: IMAGENET_NORMALIZATION,
    accepts: ["dropout", "stochasticDepth", "activation", "norm", "stem"],
    build: (options) => new ResNet(row, options),
  });
}
