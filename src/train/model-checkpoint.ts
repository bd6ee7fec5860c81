import { existsSync, readdirSync, rmSync } from "node:fs";
import type { Callback, FitContext, StepRecord } from "./callback.js";
import { type EpochRecord, isBetter, type Metric } from "./epoch.js";
import { appendRecord, writeRecords } from "./records.js";
import type { Run } from "./run.js";
import { averageOf, type TrainingState } from "./training-state.js";

/**
 * Keeps a run's records and weights while it is trained, as its settings say (`checkpoint`): `checkpoints/last`, from which training
 * goes on, after every epoch, at an interruption and every so many batches; `checkpoints/best` and `checkpoints/epoch-*`, of the best
 * epochs. Where averaged weights are kept, the best are those.
 */
export class ModelCheckpoint implements Callback {
  readonly #run: Run;
  #records: EpochRecord[] = [];
  /** To be written down once the weights are safe. */
  #newest: EpochRecord | undefined;
  #fit: FitContext | undefined;

  constructor(run: Run) {
    this.#run = run;
  }

  onFitStart(fit: FitContext): void {
    this.#fit = fit;
    // After a crash there may be records of epochs that are trained again.
    this.#records = [...fit.state().position.records];
    const path = this.#run.file("metrics.jsonl");
    if (this.#records.length > 0 || existsSync(path)) writeRecords(path, this.#records);
  }

  onTrainBatchEnd({ step, steps }: StepRecord): void {
    const { everyBatches } = this.#run.settings.checkpoint;
    if (everyBatches !== undefined && step % everyBatches === 0 && step < steps) this.#saveLast();
  }

  onTrainEpochEnd(record: EpochRecord): void {
    const { metric, top } = this.#run.settings.checkpoint;
    this.#records.push(record);
    this.#newest = record;
    const ranked = rank(this.#records, metric);
    if (ranked[0] === record) this.#saveBest("best", record);
    if (ranked.indexOf(record) < top) this.#saveBest(folderOf(record), record);
    this.#removeAllBut(ranked.slice(0, top));
  }

  onCheckpoint(state: TrainingState): void {
    const { model } = this.#fit ?? {};
    if (model) this.#run.saveCheckpoint(model, state);
    if (this.#newest) appendRecord(this.#run.file("metrics.jsonl"), this.#newest);
    this.#newest = undefined;
  }

  #saveLast(): void {
    if (this.#fit) this.#run.saveCheckpoint(this.#fit.model, this.#fit.state());
  }

  #saveBest(folder: string, record: EpochRecord): void {
    if (!this.#fit) return;
    const weights = record.average ? averageOf(this.#fit.state()) : this.#fit.model.stateDict();
    this.#run.saveWeights(folder, weights, record.epoch);
  }

  #removeAllBut(kept: readonly EpochRecord[]): void {
    const names = kept.map(folderOf);
    const parent = this.#run.file("checkpoints");
    if (!existsSync(parent)) return;
    for (const name of readdirSync(parent)) {
      if (/^epoch-\d+$/.test(name) && !names.includes(name))
        rmSync(this.#run.file("checkpoints", name), { recursive: true });
    }
  }
}

/** The best first; of equal ones the earlier. */
function rank(records: readonly EpochRecord[], metric: Metric): EpochRecord[] {
  return [...records].sort((a, b) => (isBetter(a, b, metric) ? -1 : isBetter(b, a, metric) ? 1 : a.epoch - b.epoch));
}

function folderOf({ epoch }: EpochRecord): string {
  return `epoch-${String(epoch).padStart(4, "0")}`;
}
