import { z } from "zod";
import { ArgumentError } from "../../errors.js";
import { nearest } from "../../nearest.js";
import {
  fillProperty,
  interpolationProperty,
  number,
  paddingModeProperty,
  paddingProperty,
  positive,
  probability,
  range,
  rgb,
  sizeProperty,
  whole,
} from "./properties.js";

/** One transform's schema: a misspelt property is told with the one that was meant. */
function transform<Name extends string, Shape extends z.core.$ZodLooseShape>(name: Name, shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(
    { name: z.literal(name), ...shape },
    {
      error: (issue) => {
        if (issue.code !== "unrecognized_keys") return undefined;
        const [key = ""] = issue.keys;
        const meant = nearest(key, known);
        if (meant !== undefined) return `has no property "${key}"; did you mean ${meant}?`;
        return `has no property "${key}"; ${known.length > 0 ? `it has ${known.join(", ")}` : "it takes none"}`;
      },
    },
  );
}

/** Factors are uniform in [max(0, 1 - value), 1 + value], or in the range that is given. 0 changes nothing. */
const factorJitter = z
  .union([number(0, 100), range(number(0, 100))], "must be a number from 0 to 100, or [least, greatest]")
  .default(0);

const RRC_SCALE: [number, number] = [0.08, 1];
const RRC_RATIO: [number, number] = [3 / 4, 4 / 3];
const ERASING_SCALE: [number, number] = [0.02, 0.33];
const ERASING_RATIO: [number, number] = [0.3, 3.3];
const BLUR_SIGMA: [number, number] = [0.1, 2];

const share = positive(1);
const aspect = number(0.001, 1000);

const geometry = [
  /** `size` is that of the shorter side, the longer one keeps the aspect (rounded down); or both, [height, width]. */
  transform("resize", { size: sizeProperty, interpolation: interpolationProperty.default("bilinear") }),
  /** Cuts the middle out; black is added where the image is smaller. */
  transform("centerCrop", { size: sizeProperty }),
  /** `fill` is used by the mode `constant`. */
  transform("pad", {
    padding: paddingProperty,
    fill: fillProperty.default(0),
    mode: paddingModeProperty.default("constant"),
  }),
  /** Pads, then cuts a piece out whose place is uniform. An image that is smaller even so is an error. */
  transform("randomCrop", {
    size: sizeProperty,
    padding: paddingProperty.default(0),
    fill: fillProperty.default(0),
    mode: paddingModeProperty.default("constant"),
  }),
  /**
   * Cuts out a piece whose share of the area is uniform in `scale` and whose width over height is log-uniform in `ratio`,
   * and resizes it; the middle, where none of ten pieces fits (Szegedy et al. 2015, arXiv 1409.4842).
   */
  transform("randomResizedCrop", {
    size: sizeProperty,
    scale: range(share).default(RRC_SCALE),
    ratio: range(aspect).default(RRC_RATIO),
    interpolation: interpolationProperty.default("bilinear"),
  }),
  transform("randomHorizontalFlip", { p: probability.default(0.5) }),
  transform("randomVerticalFlip", { p: probability.default(0.5) }),
  /** 0, 90, 180 or 270 degrees, equally likely. Images must be square. */
  transform("randomQuarterTurn", {}),
  /** Uniform in [-degrees, degrees], or in [least, greatest]; counter-clockwise around the middle, the size kept. */
  transform("randomRotation", {
    degrees: z.union([number(0, 360), range(number(-360, 360))], "must be degrees from 0 to 360, or [least, greatest]"),
    interpolation: interpolationProperty.default("nearest"),
    fill: fillProperty.default(0),
  }),
] as const;

const colour = [
  /** The four changes come in random order. `hue` is in turns of the colour wheel, uniform in [-hue, hue], at most 0.5. */
  transform("colorJitter", {
    brightness: factorJitter,
    contrast: factorJitter,
    saturation: factorJitter,
    hue: z
      .union([number(0, 0.5), range(number(-0.5, 0.5))], "must be a number from 0 to 0.5, or [least, greatest]")
      .default(0),
  }),
  /**
   * For haematoxylin and eosin: the amount of each stain (and of the residual) becomes alpha times itself plus beta, alpha
   * uniform in [1 - scale, 1 + scale], beta in [-shift, shift] (Tellez et al. 2018, arXiv 1808.05896). The default is the
   * 0.05 of that paper, called "HED-light" in Tellez et al. 2019 (arXiv 1902.06543), whose "HED-strong" is 0.2.
   */
  transform("stainJitter", { scale: number(0, 1).default(0.05), shift: number(0, 1).default(0.05) }),
  transform("randomGrayscale", { p: probability.default(0.1) }),
  transform("grayscale", {}),
  /** `kernelSize` is odd, or [width, height]; the deviation in pixels is uniform in `sigma`. */
  transform("gaussianBlur", {
    kernelSize: z.union([oddSide(), z.tuple([oddSide(), oddSide()])], "must be an odd number, or [width, height]"),
    sigma: z
      .union([number(0.001, 1000), range(number(0.001, 1000))], "must be a number from 0.001, or [least, greatest]")
      .default(BLUR_SIGMA),
    p: probability.default(1),
  }),
] as const;

function oddSide() {
  return whole(1, 1023).refine((side) => side % 2 === 1, "must be odd");
}

const policies = [
  /**
   * `numOps` operations, each chosen uniformly from all (Cubuk et al. 2020, arXiv 1909.13719).
   *
   * With `ops: "torchvision"` the magnitude is a bin from 0 to `magnitudeBins` - 1; with `"efficientnetv2"`, the operations
   * of the official EfficientNetV2, it is a level where 10 is strong (the paper's Table 6 goes from 5 to 15, 20 or 25) and
   * may be a fraction. `fill` is black, with `"efficientnetv2"` grey (128).
   */
  transform("randAugment", {
    ops: z.enum(["torchvision", "efficientnetv2"], "must be torchvision or efficientnetv2").default("torchvision"),
    numOps: whole(0, 32).default(2),
    magnitude: number(0, 999).default(9),
    magnitudeBins: whole(2, 1000).default(31),
    interpolation: interpolationProperty.default("nearest"),
    fill: fillProperty.optional(),
  }).superRefine(({ ops, magnitude, magnitudeBins }, context) => {
    if (ops === "efficientnetv2") {
      if (magnitude > 30) context.addIssue({ code: "custom", path: ["magnitude"], message: "must be at most 30" });
    } else if (!Number.isInteger(magnitude) || magnitude >= magnitudeBins) {
      const message = `must be a whole number from 0 to ${magnitudeBins - 1}, below magnitudeBins`;
      context.addIssue({ code: "custom", path: ["magnitude"], message });
    }
  }),
  /** One of 25 pairs of operations that were found for a data set (Cubuk et al. 2019, arXiv 1805.09501). */
  transform("autoAugment", {
    policy: z.enum(["imagenet", "cifar10"], "must be imagenet or cifar10").default("imagenet"),
    interpolation: interpolationProperty.default("nearest"),
    fill: fillProperty.default(0),
  }),
  /** One operation, its magnitude uniform over the bins of wide ranges (Müller and Hutter 2021, arXiv 2103.10158). */
  transform("trivialAugmentWide", {
    magnitudeBins: whole(2, 1000).default(31),
    interpolation: interpolationProperty.default("nearest"),
    fill: fillProperty.default(0),
  }),
  /**
   * The image and `mixtureWidth` chains of operations on it, mixed with random weights (Hendrycks et al. 2020, arXiv
   * 1912.02781). `chainDepth` -1: 1 to 3 operations each. `severity` bounds the magnitudes; `alpha` is that of the weights'
   * Dirichlet and Beta distributions; without `allOps` the changes of brightness, colour, contrast and sharpness, which are
   * among the corruptions of ImageNet-C, are left out.
   */
  transform("augMix", {
    severity: whole(1, 10).default(3),
    mixtureWidth: whole(1, 32).default(3),
    chainDepth: whole(-1, 32)
      .refine((depth) => depth !== 0, "must be a whole number from 1 to 32, or -1 for 1 to 3 at random")
      .default(-1),
    alpha: number(0.01, 1000).default(1),
    allOps: z.boolean("must be true or false").default(true),
    interpolation: interpolationProperty.default("bilinear"),
    fill: fillProperty.default(0),
  }),
  /**
   * Fills a square of `size` pixels around a uniform point of the image, cut by its border (DeVries and Taylor 2017, arXiv
   * 1708.04552, who fill it with the mean colour of their data).
   */
  transform("cutout", {
    size: whole(1, 16384),
    p: probability.default(1),
    fill: fillProperty.default(0),
  }),
] as const;

const values = [
  /** Pixel values in [0, 1] become (value - mean) / std. Without it they stay in [0, 1]. */
  transform("normalize", { mean: rgb(number(-1000, 1000)), std: rgb(number(1e-6, 1000)) }),
  /**
   * Fills a rectangle whose share of the area is uniform in `scale` and whose height over width is log-uniform in `ratio`
   * with `value`, or with normal noise (Zhong et al. 2020, arXiv 1708.04896). Only after `normalize`, in whose units `value`
   * is.
   */
  transform("randomErasing", {
    p: probability.default(0.5),
    scale: range(share).default(ERASING_SCALE),
    ratio: range(aspect).default(ERASING_RATIO),
    value: z
      .union(
        [number(-1e6, 1e6), rgb(number(-1e6, 1e6)), z.literal("random")],
        'must be a number, [red, green, blue] or "random"',
      )
      .default(0),
  }),
] as const;

const transforms = [...geometry, ...colour, ...policies, ...values] as const;
const names = transforms.map(({ shape }) => shape.name.value);

/** Names and properties of the transforms, with torchvision's semantics and defaults where it has them. */
export const transformSchema = z.discriminatedUnion("name", transforms, {
  error: ({ input }) => {
    const name = typeof input === "object" && input !== null && "name" in input ? input.name : undefined;
    if (typeof name !== "string") return "must be an object with the name of a transform";
    const meant = nearest(name, names);
    if (meant !== undefined) return `there is no transform "${name}"; did you mean ${meant}?`;
    return `there is no transform "${name}"; there are ${names.join(", ")}`;
  },
});

/** Transforms in the order in which they are applied. */
export const pipelineSchema = z
  .array(transformSchema, "must be a list of transforms")
  .superRefine((pipeline, context) => {
    for (const { at, message } of disorders(pipeline)) context.addIssue({ code: "custom", path: [at], message });
  });

/** A transform with every property that has a default set. */
export type Transform = z.output<typeof transformSchema>;

/** A transform as one writes it: properties with a default may be left out. */
export type TransformInput = z.input<typeof transformSchema>;

export type TransformName = Transform["name"];

/** The names that there are. */
export const TRANSFORM_NAMES: readonly TransformName[] = names;

/** The transform of a name. */
export type TransformOf<Name extends TransformName> = Extract<Transform, { name: Name }>;

/** What cannot follow what: pixels are normalised once, and then only erased. */
function disorders(pipeline: readonly { readonly name: TransformName }[]): { at: number; message: string }[] {
  const found: { at: number; message: string }[] = [];
  let normalized = false;
  for (const [at, { name }] of pipeline.entries()) {
    if (name === "normalize" && normalized) found.push({ at, message: "stands twice; pixels are normalised once" });
    if (name === "randomErasing" && !normalized) {
      found.push({ at, message: "erases normalised pixels, and must come after normalize" });
    }
    if (normalized && name !== "randomErasing" && name !== "normalize") {
      found.push({ at, message: "changes 8-bit pixels, and must come before normalize" });
    }
    normalized ||= name === "normalize";
  }
  return found;
}

/**
 * Checks transforms and sets what has a default.
 *
 * @param value a list of {@link TransformInput}, for example from a YAML file
 * @throws ArgumentError naming the position (from 1), the transform, the property and, for a misspelt name, the nearest one
 */
export function parsePipeline(value: unknown): Transform[] {
  const parsed = pipelineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: [at, ...properties], message }) => {
    if (typeof at !== "number") return `the transforms: ${message}`;
    const written: unknown = Array.isArray(value) ? value[at] : undefined;
    const known = TRANSFORM_NAMES.find(
      (name) => typeof written === "object" && written !== null && "name" in written && written.name === name,
    );
    const property = properties.join(".");
    const place = `transform ${at + 1}${known === undefined ? "" : ` (${known})`}`;
    return [`${place}:`, ...(property === "" || property === "name" ? [] : [property]), message].join(" ");
  });
  throw new ArgumentError(problems.join("; "));
}
