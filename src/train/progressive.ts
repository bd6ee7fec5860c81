import { type Mix, parseMix, parsePipeline, type Stage, type Transform, withImageSize } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { Callback } from "./callback.js";
import type { Recipe } from "./recipe.js";

type Progressive = Pick<Recipe, "progressive" | "epochs">;

/** A stage of progressive learning. What is not said stays what the recipe has throughout. */
export interface ProgressiveStage {
  /** Counted from 1. */
  readonly stage: number;
  /** Counted from 0. */
  readonly fromEpoch: number;
  readonly epochs: number;
  /** Height and width of the images. */
  readonly size?: number;
  readonly randAugment?: number;
  readonly mixup?: number;
  readonly cutmix?: number;
  readonly dropout?: number;
}

/**
 * The stages of a training by progressive learning (Tan and Le 2021, arXiv 2104.00298, algorithm 1): stage i of n (from
 * 0) begins at epoch floor(i · epochs / n), and each value is first + (last − first) · i / (n − 1), image sizes
 * rounded. Image sizes of the official code are first + (last − first) · (i + 1) / n, rounded down. One stage alone has
 * the last values.
 *
 * @returns none where the recipe has nothing progressive
 * @throws ArgumentError when there are fewer epochs than stages
 */
export function progressiveStages({ progressive, epochs }: Progressive): ProgressiveStage[] {
  if (!progressive) return [];
  const { stages, ramp, size, ...others } = progressive;
  if (epochs < stages) {
    throw new ArgumentError(
      `progressive.stages: ${stages} stages do not fit into ${epochs} ${epochs === 1 ? "epoch" : "epochs"}`,
      "Train for more epochs, or in fewer stages.",
    );
  }
  const begin = (i: number) => Math.floor((i * epochs) / stages);
  return Array.from({ length: stages }, (_, i) => ({
    stage: i + 1,
    fromEpoch: begin(i),
    epochs: begin(i + 1) - begin(i),
    size: size && (ramp === "paper" ? Math.round(between(size, i, stages)) : officialSize(size, i, stages)),
    randAugment: others.randAugment && between(others.randAugment, i, stages),
    mixup: others.mixup && between(others.mixup, i, stages),
    cutmix: others.cutmix && between(others.cutmix, i, stages),
    dropout: others.dropout && between(others.dropout, i, stages),
  }));
}

/**
 * What a loader does to images in the stages of progressive learning.
 *
 * @param transforms those of training; the magnitude of torchvision's RandAugment is rounded, for it is a whole number
 * @param mix whose probabilities stay; what it mixes, where the stages say nothing of it, stays too
 * @throws ArgumentError when no transform decides the size, there is no randAugment, or its magnitude is out of range
 */
export function stagesOf(recipe: Progressive, transforms: readonly Transform[], mix: Mix | undefined): Stage[] {
  return progressiveStages(recipe).map((row) => ({
    fromEpoch: row.fromEpoch,
    transforms: transformsOf(row, transforms),
    mix: mixOf(row, mix),
  }));
}

/** Sets the rate of a network's last dropout by the stages of progressive learning, at the beginning of every epoch. */
export class ProgressiveDropout implements Callback {
  readonly #stages: readonly ProgressiveStage[];
  readonly #dropout: { p: number };

  /**
   * @param dropout the network's last; undefined where it has none
   * @throws ArgumentError when there is none
   */
  constructor(stages: readonly ProgressiveStage[], dropout: { p: number } | undefined) {
    if (!dropout) {
      throw new ArgumentError(
        "progressive.dropout: the network has no dropout whose rate could change",
        "Leave it out, or give the network a dropout: model.dropout.",
      );
    }
    this.#stages = stages;
    this.#dropout = dropout;
  }

  onTrainEpochStart(epoch: number): void {
    const rate = this.#stages.findLast(({ fromEpoch }) => fromEpoch < epoch)?.dropout;
    if (rate !== undefined) this.#dropout.p = rate;
  }
}

function between([first, last]: readonly [number, number], i: number, stages: number): number {
  // Said exactly: the sum may miss the last value by a rounding.
  return i === stages - 1 ? last : first + ((last - first) * i) / (stages - 1);
}

function officialSize([first, last]: readonly [number, number], i: number, stages: number): number {
  return Math.trunc(first + (last - first) * ((i + 1) / stages));
}

function transformsOf({ size, randAugment }: ProgressiveStage, transforms: readonly Transform[]): readonly Transform[] {
  const sized = size === undefined ? transforms : withImageSize(transforms, { width: size, height: size });
  if (randAugment === undefined) return sized;
  if (!sized.some(({ name }) => name === "randAugment")) {
    throw new ArgumentError(
      "progressive.randAugment: there is no randAugment among the training transforms",
      "Add it to them, or leave it out here.",
    );
  }
  return parsePipeline(
    sized.map((transform) =>
      transform.name === "randAugment"
        ? { ...transform, magnitude: transform.ops === "torchvision" ? Math.round(randAugment) : randAugment }
        : transform,
    ),
  );
}

function mixOf(row: ProgressiveStage, mix: Mix | undefined): Mix | undefined {
  const { mixup = mix?.mixup ?? 0, cutmix = mix?.cutmix ?? 0 } = row;
  return mixup > 0 || cutmix > 0 ? parseMix({ ...mix, mixup, cutmix }) : undefined;
}
