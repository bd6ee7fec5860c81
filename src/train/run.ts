import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { FileError, FoveaError, messageOf } from "../errors.js";
import { createModel } from "../models/index.js";
import type { Module } from "../nn/index.js";
import { loadWeights, saveWeights } from "../weights/index.js";
import type { Callback } from "./callback.js";
import { requireDevice } from "./device.js";
import { bestEpoch, type EpochRecord } from "./epoch.js";
import { appendRecord } from "./records.js";
import { type RunSettings, readSettings, writeSettings } from "./settings.js";

/** Which weights of a run: of its best epoch, or the newest. */
export type Checkpoint = "best" | "last";

/** A run is a folder: `recipe.yaml`, `metrics.jsonl`, `checkpoints/{best,last}/weights.safetensors`, and its charts. */
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
      mkdirSync(dirname(path), { recursive: true });
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
    const { model, classes } = this.settings;
    return createModel(model.name, { classes: classes.length, dropout: model.dropout });
  }

  weightsPath(checkpoint: Checkpoint): string {
    return this.file("checkpoints", checkpoint, "weights.safetensors");
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
      throw new FileError(path, `the run has no ${checkpoint} weights`, { hint: "Was it stopped in its first epoch?" });
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

  /** @param epoch the last one that was finished @throws FileError when they cannot be written */
  saveWeights(checkpoint: Checkpoint, model: Module, epoch: number): void {
    const { model: spec, classes } = this.settings;
    saveWeights(this.weightsPath(checkpoint), model, {
      model: spec.name,
      classes: JSON.stringify(classes),
      epoch: String(epoch),
    });
  }

  /**
   * Keeps the run's records and weights while it is trained: last after every epoch and at an interruption, best after
   * every better epoch.
   */
  recorder(model: Module): Callback {
    const records: EpochRecord[] = [];
    let saved = false;
    return {
      onStep: () => {
        saved = false;
      },
      onEpochEnd: (record) => {
        records.push(record);
        appendRecord(this.file("metrics.jsonl"), record);
        this.saveWeights("last", model, record.epoch);
        if (bestEpoch(records) === record) this.saveWeights("best", model, record.epoch);
        saved = true;
      },
      // An interruption comes in the middle of an epoch: what was learnt since its start is worth keeping too.
      onFitEnd: () => {
        if (!saved) this.saveWeights("last", model, records.length);
      },
    };
  }
}
