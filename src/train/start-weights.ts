import { existsSync, statSync } from "node:fs";
import { FileError } from "../errors.js";
import { type Module, StateDictError } from "../nn/index.js";
import { type Device, type Shape, sameShape } from "../tensor/index.js";
import { headTensors, loadWeights, type PretrainedOptions, pretrained } from "../weights/index.js";
import { networkOf, Run } from "./run.js";
import type { RunSettings } from "./settings.js";

/**
 * The network of a run with its first weights: random ones by the seed, or those that `model.weights` names: `published` for the
 * best that the network's authors or torchvision publish (or their name, such as `IMAGENET1K_V1`), a run's folder for its best ones, a
 * file of weights or a PyTorch checkpoint. A head for other classes begins at random.
 *
 * @throws FileError, DownloadError when the weights cannot be had, or are another network's; FoveaError for an unknown name
 */
export async function startModel(
  settings: RunSettings,
  device: Device,
  options: Pick<PretrainedOptions, "onProgress" | "signal"> = {},
): Promise<Module> {
  const { model: spec, classes, seed } = settings;
  const { weights, name, dropout, stochasticDepth, inChannels } = spec;
  if (weights === undefined) return networkOf(settings).materialize(device, seed);
  if (existsSync(weights)) return fromFile(settings, weights, device);
  const model = networkOf(settings);
  const source = await pretrained(name, {
    weights: weights === "published" ? undefined : weights,
    ...{ classes: classes.length, dropout, stochasticDepth, inChannels, seed, device: device.name, ...options },
  });
  try {
    model.loadStateDict(source.model.stateDict());
  } finally {
    source.model.release();
  }
  return model.materialize(device, seed);
}

/** The network with the weights of a file, but for a head of other classes. */
function fromFile(settings: RunSettings, weights: string, device: Device): Module {
  const path = statSync(weights).isDirectory() ? Run.open(weights).weightsPath("best") : weights;
  const { state } = loadWeights(path, { device: device.name });
  const model = networkOf(settings);
  try {
    const head = headTensors(settings.model.name);
    const shapes = model.stateShapes();
    const fitting = new Map(
      [...state].filter(([name, { shape }]) => !head.has(name) || isShape(shapes.get(name), shape)),
    );
    const missing = [...shapes.keys()].filter((name) => !fitting.has(name) && !head.has(name));
    const unexpected = [...fitting.keys()].filter((name) => !shapes.has(name));
    if (missing.length + unexpected.length > 0) throw new StateDictError(missing, unexpected, []);
    model.loadStateDict(fitting, { strict: false });
    return model.materialize(device, settings.seed);
  } catch (error) {
    model.release();
    if (error instanceof StateDictError) throw new FileError(path, error.message, { cause: error });
    throw error;
  } finally {
    for (const tensor of state.values()) tensor.dispose();
  }
}

function isShape(wanted: Shape | undefined, shape: Shape): boolean {
  return wanted !== undefined && sameShape(wanted, shape);
}
