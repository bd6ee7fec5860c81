import { ArgumentError, FoveaError } from "../errors.js";
import { nearMatches } from "../nearest.js";
import type { ActivationName, Module, NormFactory } from "../nn/index.js";

/**
 * How a network begins: `imagenet` as published, shrinking the image by 4 or so, or `cifar` for images of about 32x32, a
 * 3x3 convolution with stride 1 and no pooling. With the wrong one of the two a network loses some 15 points of accuracy
 * on small images.
 */
export type Stem = "imagenet" | "cifar";

/** What one chooses of a network. All take `classes` and `inChannels`; `ModelEntry.accepts` tells which else. */
export interface ModelOptions {
  /** Outputs of the head; the default is the data set's that the network is known for. */
  classes?: number;
  /** Default the entry's, mostly 3. */
  inChannels?: number;
  /** Probability of the head's dropout; default the network's own. */
  dropout?: number;
  /** Probability that the last block's branch is left out in training, less by an even step for each block before it. */
  stochasticDepth?: number;
  /** In place of the network's own. */
  activation?: ActivationName;
  /** In place of the network's own batch norm. */
  norm?: NormFactory;
  /** Default `imagenet`. */
  stem?: Stem;
}

/** The options that not every network has. */
export type SpecialOption = Exclude<keyof ModelOptions, "classes" | "inChannels">;

/** What is subtracted from and divides pixel values in [0, 1], per channel. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Of ImageNet's training images, as torchvision rounds them. */
export const IMAGENET_NORMALIZATION: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Of CIFAR-10's training images. The deviation 0.2023, … that is often seen is a mean of the images' deviations. */
export const CIFAR10_NORMALIZATION: Normalization = {
  mean: [0.49139968, 0.48215841, 0.44653091],
  std: [0.24703223, 0.24348513, 0.26158784],
};

/** A network by name: how to build it, and what is known of it. */
export interface ModelEntry {
  readonly name: string;
  /** The family's name, for lists. */
  readonly family: string;
  /** One line on what it is. */
  readonly description: string;
  /** Paper or project. */
  readonly reference: string;
  /** Height and width that it is made for. */
  readonly inputSize: number;
  /** The default number of channels of the input. */
  readonly inChannels: number;
  /** The default number of classes. */
  readonly classes: number;
  /** Parameters with the default options, as published where they were. */
  readonly parameters: number;
  /** Multiply-accumulates of one image of `inputSize`, to the million, as published where they were. */
  readonly multiplyAdds: number;
  /** How images are normalised for it; its training data's own statistics where it is not set. */
  readonly normalization?: Normalization;
  /** The options it takes beside `classes` and `inChannels`. */
  readonly accepts: readonly SpecialOption[];
  build(options: ModelOptions): Module;
}

const registry = new Map<string, ModelEntry>();

/** Adds a network, one's own as well. @throws FoveaError when the name is taken */
export function registerModel(entry: ModelEntry): void {
  if (registry.has(entry.name))
    throw new FoveaError("MODEL_EXISTS", `There is already a network named "${entry.name}".`);
  registry.set(entry.name, entry);
}

/** The networks whose names match a pattern with `*`, in alphabetical order; all where none is given. */
export function listModels(pattern = "*"): ModelEntry[] {
  const expression = new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
  return [...registry.values()].filter(({ name }) => expression.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The entry of a name. @throws FoveaError that lists the near matches */
export function findModel(name: string): ModelEntry {
  const entry = registry.get(name);
  if (entry) return entry;
  const near = nearMatches(name, [...registry.keys()]);
  throw new FoveaError("UNKNOWN_MODEL", `There is no network named "${name}".`, {
    hint: near.length > 0 ? `Did you mean ${near.join(", ")}?` : "`fovea models` lists all.",
  });
}

/**
 * A new network by name, without memory until it is materialised.
 *
 * @throws FoveaError when there is none of that name
 * @throws ArgumentError for an option that this network has not
 */
export function createModel(name: string, options: ModelOptions = {}): Module {
  const { accepts, build } = findModel(name);
  const known: readonly string[] = ["classes", "inChannels", ...accepts];
  const chosen = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [option] of chosen) {
    if (!known.includes(option)) {
      throw new ArgumentError(`${name} has no option ${option}`, `It takes ${known.join(", ")}.`);
    }
  }
  return build(Object.fromEntries(chosen));
}
