import type { DownloadOptions } from "../download/index.js";
import { FileError } from "../errors.js";
import { createModel, type ModelOptions } from "../models/index.js";
import { type Module, StateDictError } from "../nn/index.js";
import type { Preprocessing } from "../preprocessing.js";
import { device, scope, type TorchTensor } from "../tensor/torch/index.js";
import { adaptChannels, asPublishedToday } from "./adapt.js";
import { fetchPublished } from "./cache.js";
import { headTensors } from "./head.js";
import { findPublished, type PublishedWeights } from "./published.js";
import { loadWeights } from "./weights.js";

export interface PretrainedOptions
  extends Pick<ModelOptions, "classes" | "inChannels" | "dropout" | "stochasticDepth">,
    Pick<DownloadOptions, "onProgress" | "signal"> {
  /** Which weights of the network, e.g. `IMAGENET1K_V2`; default the best, see `publishedWeights`. */
  weights?: string;
  /** Where the network is made; default `cpu`. */
  device?: string;
  /** Decides the first values of a head that was swapped. Default 0. */
  seed?: number;
}

/** A network with published weights. */
export interface Pretrained {
  /** In evaluation mode. */
  model: Module;
  weights: PublishedWeights;
  /** What images must go through before the network sees them: `preprocessImage` does it. */
  preprocessing: Preprocessing;
  /** What the outputs stand for; undefined where the head was swapped. */
  categories: readonly string[] | undefined;
}

/**
 * A network with weights that were trained by others, downloaded into the cache if they are not there.
 *
 * With `classes` other than the weights' the head is a fresh one: every tensor whose shape depends on the number of classes
 * has first values by `seed`. With `inChannels` other than 3 the first convolution is adapted as timm does: its weights are
 * summed over red, green and blue for one channel, and otherwise repeated and scaled by 3 / `inChannels`, so that its sums
 * keep their size.
 *
 * @param network a name of the registry, or a row of one's own
 * @throws FoveaError for an unknown network or weights, which lists what there is
 * @throws DownloadError, FileError when the weights cannot be had, are damaged, or are another network's
 */
export async function pretrained(
  network: string | PublishedWeights,
  options: PretrainedOptions = {},
): Promise<Pretrained> {
  const { dropout, stochasticDepth, seed = 0, onProgress, signal } = options;
  const weights = typeof network === "string" ? findPublished(network, options.weights) : network;
  const { categories, preprocessing } = weights;
  const { classes = categories.length, inChannels } = options;
  const model = createModel(weights.model, { classes, inChannels, dropout, stochasticDepth });
  const swapped = classes !== categories.length;
  const head = new Set(swapped ? headTensors(weights.model).keys() : []);
  const place = device(options.device);
  const path = await fetchPublished(weights, { onProgress, signal });
  try {
    scope(() => {
      const { state } = loadWeights(path, { device: place.name });
      load(model, asPublishedToday(state, model.stateShapes(), place.name), head);
    });
  } catch (error) {
    model.release();
    if (error instanceof StateDictError) throw new FileError(path, error.message, { cause: error });
    throw error;
  }
  model.materialize(place, seed).eval();
  return { model, weights, preprocessing, categories: swapped ? undefined : categories };
}

/** Gives a network all that fits it; a head for other classes stays without memory. */
function load(model: Module, published: ReadonlyMap<string, TorchTensor>, head: ReadonlySet<string>): void {
  const shapes = model.stateShapes();
  const state = new Map<string, TorchTensor>();
  for (const [name, value] of published) {
    if (!head.has(name)) state.set(name, adaptChannels(value, shapes.get(name) ?? value.shape));
  }
  const missing = [...shapes.keys()].filter((name) => !state.has(name) && !head.has(name));
  const unexpected = [...state.keys()].filter((name) => !shapes.has(name));
  if (missing.length + unexpected.length > 0) throw new StateDictError(missing, unexpected, []);
  model.loadStateDict(state, { strict: false });
}
