import { resolve } from "node:path";
import { stringify } from "yaml";
import {
  type ChannelStatistics,
  findPreset,
  outputSize,
  parsePipeline,
  type Size,
  type Transform,
} from "../data/index.js";
import { ArgumentError, FileError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { findModel } from "../models/index.js";
import type { Recipe } from "./recipe.js";
import { readRecipe } from "./recipe-file.js";

/** A recipe in which nothing is open: what `recipe.yaml` of a run holds. It is a recipe itself, and gives the same run again. */
export interface RunSettings extends Omit<Recipe, "classes" | "transforms"> {
  /** In the order of the network's outputs. */
  classes: string[];
  /** What is done to images; `evaluation` belongs to the network, wherever it is used. */
  transforms: { train: Transform[]; evaluation: Transform[] };
}

/**
 * Fills in what depends on the images.
 *
 * @param images what is known of those to train on; their mean and deviation are asked for where the recipe has no others
 * @throws ArgumentError when the recipe's classes are not those of the images, or its transforms give them no one size
 */
export async function resolveRecipe(
  recipe: Recipe,
  images: { classes: readonly string[]; statistics: () => Promise<ChannelStatistics> },
): Promise<RunSettings> {
  const { classes = [...images.classes], data, size = findModel(recipe.model.name).inputSize } = recipe;
  if (classes.join("\n") !== images.classes.join("\n")) {
    throw new ArgumentError(
      `the recipe's classes are ${classes.join(", ")}, those of the images ${images.classes.join(", ")}`,
    );
  }
  return {
    ...recipe,
    // The run is evaluated from anywhere.
    data: "path" in data && data.path !== undefined ? { ...data, path: resolve(data.path) } : data,
    classes,
    transforms: await resolveTransforms(recipe.transforms, size, images.statistics),
  };
}

/**
 * A recipe's transforms as complete lists. Without a list for evaluation images are only resized, to the size that training sees.
 *
 * @param side height and width where the transforms give images none
 * @param statistics asked for where neither the transforms nor the preset say how to normalise
 */
export async function resolveTransforms(
  transforms: Recipe["transforms"],
  side: number,
  statistics: () => Promise<ChannelStatistics>,
): Promise<RunSettings["transforms"]> {
  if (typeof transforms === "string") {
    const preset = findPreset(transforms);
    const normalization = preset.normalization ?? (await statistics());
    return { train: preset.train(side, normalization), evaluation: preset.evaluation(side, normalization) };
  }
  const written = [...transforms.train, ...(transforms.evaluation ?? [])];
  const normalize = written.find(({ name }) => name === "normalize") ?? normalizeBy(await statistics());
  const train = completed(transforms.train, { width: side, height: side }, normalize);
  const trained = outputSize(train) ?? { width: side, height: side };
  return { train, evaluation: completed(transforms.evaluation ?? [], trained, normalize) };
}

/** Resizes first where nothing gives the images a size, and normalises where nothing does. */
function completed(list: readonly Transform[], { width, height }: Size, normalize: Transform): Transform[] {
  const resized = parsePipeline([
    ...(outputSize(list) ? [] : [{ name: "resize", size: [height, width], interpolation: "bicubic" }]),
    ...list,
  ]);
  if (resized.some(({ name }) => name === "normalize")) return resized;
  // Erasing works on normalised pixels.
  const erasing = resized.findIndex(({ name }) => name === "randomErasing");
  const at = erasing < 0 ? resized.length : erasing;
  return [...resized.slice(0, at), normalize, ...resized.slice(at)];
}

function normalizeBy({ mean, std }: ChannelStatistics): Transform {
  const [normalize] = parsePipeline([{ name: "normalize", mean: [...mean], std: [...std] }]);
  if (!normalize) throw new ArgumentError("there is nothing to normalise by");
  return normalize;
}

/** @throws FileError when it cannot be written */
export function writeSettings(path: string, settings: RunSettings): void {
  writeFileAtomic(path, stringify(settings, { aliasDuplicateObjects: false }));
}

/** @throws FileError that names the setting, when the file is missing, no YAML, or not the settings of a run */
export function readSettings(path: string): RunSettings {
  const { classes, transforms, ...recipe } = readRecipe(path);
  if (classes === undefined || typeof transforms === "string" || transforms.evaluation === undefined) {
    throw new FileError(path, "is a recipe, not the settings of a run: classes or transforms are open", {
      hint: "`fovea train` makes a run of a recipe.",
    });
  }
  return { ...recipe, classes, transforms: { train: transforms.train, evaluation: transforms.evaluation } };
}

/** Height and width of the images that the network is evaluated on. */
export function imageSize({ transforms }: RunSettings): Size {
  const size = outputSize(transforms.evaluation);
  if (size) return size;
  throw new ArgumentError("the transforms for evaluation do not give images one size", "Add resize with both sides.");
}

/** How many channels the images have that the network takes: of grey ones a single one. */
export function channelsOf({ model }: Pick<Recipe, "model">): 1 | 3 {
  const channels = model.inChannels ?? findModel(model.name).inChannels;
  if (channels === 1 || channels === 3) return channels;
  throw new ArgumentError(`${model.name} takes images of ${channels} channels; there are only grey and coloured ones`);
}
