import { ArgumentError } from "../errors.js";
import { makeDivisible } from "../nn/index.js";
import { AnyNet, type AnyNetOptions, type AnyNetStage } from "./anynet.js";
import { IMAGENET_NORMALIZATION, registerModel } from "./registry.js";

/**
 * RegNet (Radosavovic et al. 2020, arXiv 2003.13678): AnyNets whose widths lie on a quantised line, described by five
 * numbers. RegNetY has squeeze-and-excitation. Names are torchvision's.
 */
export interface RegNetParameters {
  /** Blocks. */
  readonly depth: number;
  /** The line's first width. */
  readonly w0: number;
  /** Its slope, in channels per block. */
  readonly wa: number;
  /** The factor between the widths of two stages. */
  readonly wm: number;
  /** Channels of a group. */
  readonly groupWidth: number;
}

/**
 * How a width becomes a multiple of the group width: torchvision's way (halves up, never a tenth below) or that of the
 * authors' pycls (to the nearest, halves to even), which the paper's figures are of. They differ for X-400MF, X-4GF,
 * Y-800MF, Y-4GF and Y-8GF.
 */
export type RegNetRounding = "torchvision" | "pycls";

/** To the nearest whole number, halves to the even one, as numpy and Python round. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The stages of a RegNet (sections 3.3 and 4 of the paper): block j of the line has w0 + wa·j channels, rounded to the
 * nearest w0·wmˢ and to a multiple of 8; blocks of one width are a stage.
 *
 * @throws ArgumentError when the parameters are out of range (wa ≥ 0, w0 > 0, wm > 1, w0 a multiple of 8)
 */
export function regnetStages(parameters: RegNetParameters, rounding: RegNetRounding = "torchvision"): AnyNetStage[] {
  const { depth, w0, wa, wm, groupWidth } = parameters;
  if (!(wa >= 0 && w0 > 0 && wm > 1 && w0 % 8 === 0 && Number.isInteger(depth) && depth > 0 && groupWidth > 0)) {
    throw new ArgumentError(
      `RegNet: depth ${depth}, w0 ${w0}, wa ${wa}, wm ${wm}, group width ${groupWidth} describe no network`,
      "wa is at least 0, wm over 1, w0 a positive multiple of 8, depth and group width positive.",
    );
  }
  const widths = Array.from({ length: depth }, (_, j) => {
    const step = roundHalfEven(Math.log((w0 + wa * j) / w0) / Math.log(wm));
    return 8 * roundHalfEven((w0 * wm ** step) / 8);
  });
  return [...new Set(widths)].map((width) => {
    const group = Math.min(groupWidth, width);
    const fitted = rounding === "torchvision" ? makeDivisible(width, group) : group * roundHalfEven(width / group);
    return { depth: widths.filter((other) => other === width).length, width: fitted, bottleneck: 1, groupWidth: group };
  });
}

type Row = readonly [
  depth: number,
  w0: number,
  wa: number,
  wm: number,
  groupWidth: number,
  parameters: number,
  multiplyAdds: number,
];

/** With torchvision's rounding, for its weights. */
const torchvision: Record<string, Row> = {
  regnet_x_400mf: [22, 24, 24.48, 2.54, 16, 5_495_976, 0.414e9],
  regnet_x_800mf: [16, 56, 35.73, 2.28, 16, 7_259_656, 0.8e9],
  regnet_x_1_6gf: [18, 80, 34.01, 2.25, 24, 9_190_136, 1.603e9],
  regnet_x_3_2gf: [25, 88, 26.31, 2.25, 48, 15_296_552, 3.177e9],
  regnet_x_8gf: [23, 80, 49.56, 2.88, 120, 39_572_648, 7.995e9],
  regnet_x_16gf: [22, 216, 55.59, 2.1, 128, 54_278_536, 15.941e9],
  regnet_x_32gf: [23, 320, 69.86, 2.0, 168, 107_811_560, 31.736e9],
  regnet_y_400mf: [16, 48, 27.89, 2.09, 8, 4_344_144, 0.402e9],
  regnet_y_800mf: [14, 56, 38.84, 2.4, 16, 6_432_512, 0.834e9],
  regnet_y_1_6gf: [27, 48, 20.71, 2.65, 24, 11_202_430, 1.612e9],
  regnet_y_3_2gf: [21, 80, 42.63, 2.66, 24, 19_436_338, 3.176e9],
  regnet_y_8gf: [17, 192, 76.82, 2.19, 56, 39_381_472, 8.473e9],
  regnet_y_16gf: [18, 200, 106.23, 2.48, 112, 83_590_140, 15.912e9],
  regnet_y_32gf: [20, 232, 115.89, 2.53, 232, 145_046_770, 32.28e9],
  regnet_y_128gf: [27, 456, 160.83, 2.52, 264, 644_812_894, 127.518e9],
};

/** The paper's others, with its rounding. torchvision has them not; timm's, and torchvision's class with these stages, count as much. */
const paper: Record<string, Row> = {
  regnet_x_200mf: [13, 24, 36.44, 2.49, 8, 2_684_792, 0.199e9],
  regnet_x_600mf: [16, 48, 36.97, 2.24, 24, 6_196_040, 0.601e9],
  regnet_x_4gf: [23, 96, 38.65, 2.43, 40, 22_118_248, 3.964e9],
  regnet_x_6_4gf: [17, 184, 60.83, 2.07, 56, 26_209_256, 6.46e9],
  regnet_x_12gf: [19, 168, 73.36, 2.37, 112, 46_106_056, 12.087e9],
  regnet_y_200mf: [13, 24, 36.44, 2.49, 8, 3_162_996, 0.2e9],
  regnet_y_600mf: [15, 48, 32.54, 2.32, 16, 6_055_160, 0.601e9],
  regnet_y_4gf: [22, 96, 31.41, 2.24, 64, 20_646_656, 3.973e9],
  regnet_y_6_4gf: [25, 112, 33.22, 2.27, 72, 30_583_252, 6.355e9],
  regnet_y_12gf: [19, 168, 73.36, 2.37, 112, 51_822_544, 12.092e9],
};

export interface RegNetOptions extends AnyNetOptions {
  /** Squeeze-and-excitation as a share of each block's input width: 0.25 makes an X a Y. Default null, none. */
  squeeze?: number | null;
  /** Default `torchvision`. */
  rounding?: RegNetRounding;
}

/** A RegNet by its five numbers. @throws ArgumentError as {@link regnetStages} */
export function regnet(parameters: RegNetParameters, options: RegNetOptions = {}): AnyNet {
  const { squeeze = null, rounding, ...rest } = options;
  return new AnyNet({ stages: regnetStages(parameters, rounding), block: "resnext", squeeze, stem: 32 }, rest);
}

for (const [rounding, rows] of [
  ["torchvision", torchvision],
  ["pycls", paper],
] as const) {
  for (const [name, [depth, w0, wa, wm, groupWidth, parameters, multiplyAdds]] of Object.entries(rows)) {
    const line = { depth, w0, wa, wm, groupWidth };
    const squeeze = name.startsWith("regnet_y") ? 0.25 : null;
    const stages = regnetStages(line, rounding);
    registerModel({
      name,
      family: squeeze === null ? "RegNetX" : "RegNetY",
      description: `stages of ${stages.map((s) => s.depth).join(" + ")} blocks, ${stages.map((s) => s.width).join(", ")} channels`,
      reference: "Radosavovic et al. 2020, arXiv 2003.13678",
      inputSize: 224,
      inChannels: 3,
      classes: 1000,
      parameters,
      multiplyAdds,
      normalization: IMAGENET_NORMALIZATION,
      accepts: ["stochasticDepth", "activation", "norm", "stem"],
      build: (options) => regnet(line, { squeeze, rounding, ...options }),
    });
  }
}
