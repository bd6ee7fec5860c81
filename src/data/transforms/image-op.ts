import type { Rgb } from "../image-set.js";

/** How values between pixels are found. Bilinear and bicubic widen as an image shrinks, as Pillow's do. */
export type Interpolation = "nearest" | "bilinear" | "bicubic";

/** What lies outside of an image: one colour, its border repeated, or mirrored without (reflect) or with (symmetric) it. */
export type PaddingMode = "constant" | "edge" | "reflect" | "symmetric";

/** A rectangle that was drawn before the size of the image is known. */
export interface DrawnBox {
  /** Share of the image's area, in (0, 1]. */
  readonly area: number;
  /** Width over height. */
  readonly aspect: number;
  /** Where it lies, in [0, 1): 0 is the leftmost possible place. */
  readonly across: number;
  /** The same from the top. */
  readonly down: number;
}

/**
 * One deterministic change of an image of 8-bit RGB pixels, as Pillow or torchvision make it. What was random is drawn
 * already; places and shares are numbers in [0, 1) that the size of the image turns into pixels.
 */
export type ImageOp =
  | { readonly op: "resize"; readonly width: number; readonly height: number; readonly interpolation: Interpolation }
  /** The shorter side becomes `size`, the longer one keeps the aspect, rounded down. */
  | { readonly op: "resizeShorter"; readonly size: number; readonly interpolation: Interpolation }
  /** Black where the image is smaller, as torchvision pads. */
  | { readonly op: "centerCrop"; readonly width: number; readonly height: number }
  | {
      readonly op: "pad";
      readonly left: number;
      readonly top: number;
      readonly right: number;
      readonly bottom: number;
      readonly mode: PaddingMode;
      readonly fill: Rgb;
    }
  /** Left edge at `floor(across * (W - width + 1))`, the top likewise. */
  | {
      readonly op: "cropAt";
      readonly width: number;
      readonly height: number;
      readonly across: number;
      readonly down: number;
    }
  /** The first of the boxes that fits is cut out and resized; when none fits, the middle (torchvision's rules). */
  | {
      readonly op: "resizedCrop";
      readonly width: number;
      readonly height: number;
      readonly interpolation: Interpolation;
      /** Bounds of the aspect of what is cut out of the middle. */
      readonly ratio: readonly [number, number];
      readonly boxes: readonly DrawnBox[];
    }
  | { readonly op: "flipHorizontal" }
  | { readonly op: "flipVertical" }
  /** Quarter turns counter-clockwise. */
  | { readonly op: "turn"; readonly quarters: 1 | 2 | 3 }
  /** Counter-clockwise around the middle, the size kept. */
  | { readonly op: "rotate"; readonly degrees: number; readonly interpolation: Interpolation; readonly fill: Rgb }
  /** `[a, b, c, d, e, f]`: the pixel at (x, y) comes from (ax + by + c, dx + ey + f), as in Pillow. */
  | {
      readonly op: "affine";
      readonly matrix: readonly [number, number, number, number, number, number];
      readonly interpolation: Interpolation;
      readonly fill: Rgb;
    }
  /** Moves the content right and down; `share`: x and y are shares of width and height, cut to whole pixels. */
  | {
      readonly op: "translate";
      readonly x: number;
      readonly y: number;
      readonly unit: "pixels" | "share";
      readonly interpolation: Interpolation;
      readonly fill: Rgb;
    }
  /** Pillow's ImageEnhance; a factor of 1 changes nothing. */
  | { readonly op: "brightness" | "contrast" | "saturation" | "sharpness"; readonly factor: number }
  /** In [-0.5, 0.5] of a turn around the colour wheel. */
  | { readonly op: "hue"; readonly shift: number }
  | { readonly op: "posterize"; readonly bits: number }
  /** Values from `threshold` on are inverted. */
  | { readonly op: "solarize"; readonly threshold: number }
  /** `amount` is added to values below `threshold`. */
  | { readonly op: "solarizeAdd"; readonly amount: number; readonly threshold: number }
  | { readonly op: "autoContrast" | "equalize" | "invert" | "grayscale" }
  /** Kernel sizes are odd, borders mirrored. */
  | {
      readonly op: "gaussianBlur";
      readonly kernel: readonly [width: number, height: number];
      readonly sigma: readonly [x: number, y: number];
    }
  /** Each stain's amount s, in haematoxylin-eosin-residual space, becomes `scale * s + shift`. */
  | { readonly op: "stain"; readonly scale: Rgb; readonly shift: Rgb }
  /** A square of `size` pixels (halved and rounded down to each side) around a point of the image, which may be cut by the border. */
  | { readonly op: "cutout"; readonly across: number; readonly down: number; readonly size: number; readonly fill: Rgb }
  /** `original` times the image plus the weighted results of the chains, cut to whole numbers (AugMix). */
  | { readonly op: "mixChains"; readonly original: number; readonly chains: readonly WeightedChain[] }
  /** Pixels become `(value / 255 - mean) / std`. Only `erase` may follow. */
  | { readonly op: "normalize"; readonly mean: Rgb; readonly std: Rgb }
  /** The first of the boxes that is smaller than the image is filled (Random Erasing). Only after `normalize`. */
  | { readonly op: "erase"; readonly boxes: readonly DrawnBox[]; readonly fill: EraseFill };

export interface WeightedChain {
  readonly weight: number;
  readonly ops: readonly ImageOp[];
}

/** Normalised values, or normal noise from a seed in [0, 2³²). */
export type EraseFill =
  | { readonly kind: "values"; readonly values: Rgb }
  | { readonly kind: "noise"; readonly seed: number };
