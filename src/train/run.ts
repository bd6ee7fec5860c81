import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FileError, FoveaError, messageOf } from "../errors.js";
import { createModel } from "../models/index.js";
import type { Module, StateDict } from "../nn/index.js";
import type { TorchTensor } from "../tensor/torch/index.js";
import { loadWeights, saveWeights } from "../weights/index.js";
import { checkpointDefect, writeCheckpointFolder } from "./checkpoint-folder.js";
import { requireDevice } from "./device.js";
import { type RunSettings, readSettings, writeSettings } from "./settings.js";
import { averageOf, readPosition, type TrainingPosition, type TrainingState, writePosition } from "./training-state.js";

/** Which weights of a run: of its best epoch, the newest, or the newest average (with `average` in the recipe). */
export const CHECKPOINTS = ["best", "last", "average"] as const;

export type Checkpoint = (typeof CHECKPOINTS)[number];

export function isCheckpoint(word: string): word is Checkpoint {
  return CHECKPOINTS.some((known) => known === word);
}

const WEIGHTS = "weights.safetensors";
const AVERAGE = "average.safetensors";
const TENSORS = "training.safetensors";
const POSITION = "training.json";

/** What a training goes on from. */
export interface ResumePoint {
  /** The network's. */
  readonly weights: ReadonlyMap<string, TorchTensor>;
  readonly state: TrainingState;
  /** Why the newest checkpoint was not taken, where it was not. */
  readonly passedOver: string | undefined;
}

/** The network that settings describe, without weights. */
export function networkOf({ model, classes }: Pick<RunSettings, "model" | "classes">): Module {
  const { name, weights: _, ...options } = model;
  return createModel(name, { ...options, classes: classes.length });
}

/**
 * A run is a folder: `recipe.yaml`, `metrics.jsonl`, its charts, and `checkpoints/`:
 *
 * - `best/` and `epoch-*` have the weights of the best epochs;
 * - `last/` has everything that the training needs to go on: `weights.safetensors`, `training.safetensors` (the optimiser's
 *   tensors), `training.json` (where it stands), and `average.safetensors` where averaged weights are kept; `previous/` is the
 *   one before. `SHA256SUMS` tells whether it is whole.
 */
export class Run {
  readonly path: string;
  readonly settings: RunSettings;

  private constructor(path: string, settings: RunSettings) {
    this.path = path;
    this.settings = settings;
  }

  /**
   * A new run's folder, with its settings written down. Of two that want the same path at once, one gets it.
   *
   * @throws FoveaError with the code RUN_EXISTS when there is something at the path
   * @throws FileError when the folder or the settings cannot be written; no folder is left then
   */
  static create(path: string, settings: RunSettings): Run {
    try {
      mkdirSync(resolve(dirname(path)), { recursive: true });
      mkdirSync(path);
    } catch (cause) {
      if (existsSync(path)) {
        throw new FoveaError("RUN_EXISTS", `There is a run in ${path} already.`, {
          hint: "Choose another name, or remove the folder.",
        });
      }
      throw new FileError(path, `could not be made (${messageOf(cause)})`, { cause });
    }
    const run = new Run(path, settings);
    try {
      writeSettings(run.file("recipe.yaml"), settings);
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw error;
    }
    return run;
  }

  /** @throws FileError when the folder is no run */
  static open(path: string): Run {
    const recipe = join(path, "recipe.yaml");
    if (!existsSync(recipe)) {
      throw new FileError(path, "is not the folder of a run: it has no recipe.yaml", {
        hint: "Name a folder that `fovea train` made, e.g. runs/nuclei_basic-1.",
      });
    }
    return new Run(path, readSettings(recipe));
  }

  /** A file in the folder. */
  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The network as the settings describe it, without weights. */
  createModel(): Module {
    return networkOf(this.settings);
  }

  weightsPath(checkpoint: Checkpoint): string {
    if (checkpoint === "best") return this.file("checkpoints", "best", WEIGHTS);
    const folder = this.#whole().path ?? this.file("checkpoints", "last");
    return join(folder, checkpoint === "last" ? WEIGHTS : AVERAGE);
  }

  /**
   * The trained network, in evaluation mode.
   *
   * @param on the device
   * @throws FileError when the run has no such weights yet, the file is damaged, or they are another network's
   * @throws FoveaError with the code DEVICE when this machine has no such device
   */
  loadModel(checkpoint: Checkpoint = "best", on = "cpu"): Module {
    const { name } = requireDevice(on);
    const path = this.weightsPath(checkpoint);
    if (!existsSync(path)) {
      const hint =
        checkpoint === "average" && !this.settings.average
          ? "Its recipe keeps no average of the weights."
          : "Was it stopped in its first epoch?";
      throw new FileError(path, `the run has no ${checkpoint} weights`, { hint });
    }
    const { state } = loadWeights(path, { device: name });
    const model = this.createModel();
    try {
      model.loadStateDict(state);
    } catch (error) {
      if (error instanceof FoveaError) throw new FileError(path, error.message, { cause: error });
      throw error;
    } finally {
      for (const weights of state.values()) weights.dispose();
    }
    return model.eval();
  }

  /**
   * Writes weights alone, to `checkpoints/<folder>/weights.safetensors`.
   *
   * @param epoch the last one that was finished
   * @throws FileError when they cannot be written
   */
  saveWeights(folder: string, weights: StateDict, epoch: number): void {
    saveWeights(this.file("checkpoints", folder, WEIGHTS), weights, this.#metadata(epoch));
  }

  /** Writes `checkpoints/last`, and keeps the one before as `previous`. @throws FileError; the one before is still there */
  saveCheckpoint(model: Module, state: TrainingState): void {
    const { position } = state;
    const average = averageOf(state);
    const optimizer = new Map([...state.tensors].filter(([name]) => name.startsWith("optimizer/")));
    const metadata = this.#metadata(position.epoch);
    writeCheckpointFolder(
      this.file("checkpoints", "last"),
      this.file("checkpoints", "previous"),
      new Map([
        [WEIGHTS, (path: string) => saveWeights(path, model, metadata)],
        ...(average.size > 0 ? [[AVERAGE, (path: string) => saveWeights(path, average, metadata)] as const] : []),
        [TENSORS, (path) => saveWeights(path, optimizer)],
        [POSITION, (path) => writePosition(path, position)],
      ]),
    );
  }

  /**
   * Where the training stood when it was last kept: `checkpoints/last`, or `previous` where that is not whole. Undefined where
   * nothing was kept.
   *
   * @throws FileError when there are checkpoints, but none that is whole
   */
  resumePoint(on = "cpu"): ResumePoint | undefined {
    const { path, defects } = this.#whole();
    if (path === undefined) {
      if (defects.length === 0) return undefined;
      throw new FileError(this.file("checkpoints"), `no checkpoint is whole: ${defects.join("; ")}`, {
        hint: "Train it again; the best weights may still be good: `fovea evaluate`.",
      });
    }
    const { name: device } = requireDevice(on);
    const read = (file: string) => loadWeights(join(path, file), { device }).state;
    const average = existsSync(join(path, AVERAGE)) ? read(AVERAGE) : [];
    const tensors = new Map([
      ...read(TENSORS),
      ...[...average].map(([name, value]) => [`average/${name}`, value] as const),
    ]);
    return {
      weights: read(WEIGHTS),
      state: { position: readPosition(join(path, POSITION)), tensors },
      passedOver: defects[0],
    };
  }

  /** The plain part of {@link resumePoint}: how far the training is. Undefined where nothing whole was kept. */
  position(): TrainingPosition | undefined {
    const { path } = this.#whole();
    return path === undefined ? undefined : readPosition(join(path, POSITION));
  }

  /** The newest checkpoint that is whole, and what is wrong with newer ones. */
  #whole(): { path: string | undefined; defects: string[] } {
    const defects: string[] = [];
    for (const name of ["last", "previous"]) {
      const path = this.file("checkpoints", name);
      if (!existsSync(path)) continue;
      const defect = checkpointDefect(path);
      if (defect === undefined) return { path, defects };
      defects.push(`${path}: ${defect}`);
    }
    return { path: undefined, defects };
  }

  #metadata(epoch: number): Record<string, string> {
    const { model, classes } = this.settings;
    return { model: model.name, classes: JSON.stringify(classes), epoch: String(epoch) };
  }
}
