import { ArgumentError } from "../../errors.js";
import { nearest } from "../../nearest.js";
import type { Preprocessing } from "../../preprocessing.js";
import type { ChannelStatistics } from "../image-set.js";
import { parsePipeline, type Transform } from "./schema.js";

/** Transforms that belong together, for training and for evaluation. */
export interface Preset {
  readonly description: string;
  /** Height and width of the images that come out, where no other is asked for. */
  readonly size: number;
  /** How pixels are normalised; absent: by the training data's own statistics. */
  readonly normalization?: ChannelStatistics;
  /** What is done to training images. */
  train(size: number, normalization: ChannelStatistics): Transform[];
  /** What is done to all others. */
  evaluation(size: number, normalization: ChannelStatistics): Transform[];
}

const PRESETS = {
  nuclei: {
    description:
      "Cell nuclei, which have no up or down and whose stain varies: flips, quarter turns, slight colour changes.",
    size: 90,
    train: (size, normalization) =>
      parsePipeline([
        { name: "resize", size: [size, size], interpolation: "bicubic" },
        { name: "randomHorizontalFlip" },
        { name: "randomQuarterTurn" },
        { name: "colorJitter", brightness: 0.1, contrast: 0.1, saturation: 0.1 },
        normalize(normalization),
      ]),
    evaluation: (size, normalization) =>
      parsePipeline([{ name: "resize", size: [size, size], interpolation: "bicubic" }, normalize(normalization)]),
  },
  cifar10: {
    description: "CIFAR-10 as in the UvA deep-learning tutorial 5: a flip, then a crop of 80 to 100 % of the area.",
    size: 32,
    normalization: {
      mean: [0.49139968, 0.48215841, 0.44653091],
      std: [0.24703223, 0.24348513, 0.26158784],
    },
    train: (size, normalization) =>
      parsePipeline([
        { name: "randomHorizontalFlip" },
        { name: "randomResizedCrop", size, scale: [0.8, 1], ratio: [0.9, 1.1] },
        normalize(normalization),
      ]),
    evaluation: (size, normalization) =>
      parsePipeline([{ name: "resize", size: [size, size] }, normalize(normalization)]),
  },
  imagenet: {
    description: "Photographs as in torchvision's reference training: crops of 8 to 100 % of the area, and a flip.",
    size: 224,
    normalization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    train: (size, normalization) =>
      parsePipeline([{ name: "randomResizedCrop", size }, { name: "randomHorizontalFlip" }, normalize(normalization)]),
    evaluation: (size, normalization) =>
      parsePipeline([
        { name: "resize", size: Math.round((size * 256) / 224) },
        { name: "centerCrop", size },
        normalize(normalization),
      ]),
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS).filter(isPresetName);

/** The preset of a name. @throws ArgumentError that tells the nearest one, or all */
export function findPreset(name: string): Preset {
  return PRESETS[presetName(name)];
}

/** A word that must be the name of a preset. @throws ArgumentError that tells the nearest one, or all */
export function presetName(name: string): PresetName {
  if (isPresetName(name)) return name;
  const meant = nearest(name, PRESET_NAMES);
  throw new ArgumentError(
    `there are no transforms named "${name}"`,
    meant === undefined ? `There are ${PRESET_NAMES.join(", ")}.` : `Did you mean ${meant}?`,
  );
}

/** The transforms that published weights want. */
export function pipelineOf({ resize, crop, interpolation, mean, std }: Preprocessing): Transform[] {
  return parsePipeline([
    { name: "resize", size: resize, interpolation },
    { name: "centerCrop", size: crop },
    normalize({ mean, std }),
  ]);
}

function normalize({ mean, std }: ChannelStatistics) {
  return { name: "normalize", mean: [...mean], std: [...std] };
}

function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name);
}
