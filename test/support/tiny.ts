import { ImageSet, Loader, type LoaderOptions, parsePipeline } from "../../src/data/index.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { Random } from "../../src/random.js";
import type { Tensor } from "../../src/tensor/index.js";
import { type RunSettings, recipeSchema, type Scores } from "../../src/train/index.js";

/** A network that trains in a blink, with all that a training step has to do with: batch norm, dropout, bias. */
export class TinyNet extends Module {
  readonly net: Sequential;

  constructor(classes = 2) {
    super();
    this.net = new Sequential(
      new Conv2d(3, 6, 3, { padding: 1 }),
      new BatchNorm2d(6),
      new ReLU(),
      new Dropout(0.2),
      new AdaptiveAvgPool2d(1),
      new Flatten(),
      new Linear(6, classes),
    );
  }

  forward(x: Tensor): Tensor {
    return this.net.forward(x);
  }
}

/** Noisy images of 8x8 pixels, reddish ones of class `red` and bluish ones of class `blue`, in turn. */
export function twoColors(count: number, key: string): ImageSet {
  const random = new Random("two colours", key);
  const side = 8;
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const pixels = new Uint8Array(count * side * side * 3);
  for (let i = 0; i < pixels.length; i++) {
    const label = labels[Math.floor(i / (side * side * 3))];
    const strong = label === 0 ? i % 3 === 0 : i % 3 === 2;
    pixels[i] = Math.min(255, Math.max(0, Math.round(random.normal(strong ? 150 : 110, 40))));
  }
  const names = Array.from(labels, (_, i) => `${key}/${i}`);
  return new ImageSet({
    name: key,
    classes: ["red", "blue"],
    sizes: { width: side, height: side },
    pixels,
    labels,
    names,
  });
}

/** Nothing but normalisation, by the same numbers in all channels. */
export const plain = parsePipeline([{ name: "normalize", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }]);

export function loaderOf(images: ImageSet, options: Partial<LoaderOptions> = {}): Loader {
  return new Loader(images, { batchSize: 10, transforms: plain, workers: 1, ...options });
}

const normalize = { name: "normalize", mean: [0.7, 0.5, 0.7], std: [0.2, 0.2, 0.1] };

/** The settings of a run on a few synthetic nuclei. */
export function someSettings(changes: Partial<RunSettings> = {}): RunSettings {
  const transforms = {
    train: parsePipeline([
      { name: "randomHorizontalFlip" },
      { name: "randomQuarterTurn" },
      { name: "colorJitter", brightness: 0.1, contrast: 0.1, saturation: 0.1 },
      { name: "resize", size: [16, 16] },
      normalize,
    ]),
    evaluation: parsePipeline([{ name: "resize", size: [16, 16] }, normalize]),
  };
  const recipe = recipeSchema.parse({
    model: { name: "cifar_resnet20" },
    data: { source: "synthetic", train: 12, validation: 6, size: 16, seed: 0 },
    transforms,
    epochs: 2,
    batchSize: 4,
    optimizer: { name: "sgd", lr: 0.01, weightDecay: 1e-4, momentum: 0.9 },
    schedule: { name: "cosine" },
    loss: { labelSmoothing: 0.1, classWeights: "balanced" },
    seed: 3,
  });
  return { ...recipe, classes: ["tumor", "stromal", "til"], transforms, ...changes };
}

/** What a network might come to. */
export function someScores(changes: Partial<Scores> = {}): Scores {
  return {
    loss: 0.5,
    accuracy: 0.8,
    balancedAccuracy: 0.75,
    macroF1: 0.7,
    top5Accuracy: 1,
    rocAuc: 0.9,
    calibrationError: 0.1,
    ...changes,
  };
}
