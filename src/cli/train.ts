import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import type { SkippedImage } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import { duration, printable } from "../report/index.js";
import { setThreads } from "../tensor/torch/index.js";
import {
  loadData,
  measureLayout,
  type Recipe,
  Run,
  type RunData,
  type RunSettings,
  readRecipe,
  requireDevice,
  resolveRecipe,
  trainRun,
} from "../train/index.js";
import { findRate } from "./find-rate.js";
import { onInterrupt } from "./interrupt.js";
import { shown } from "./paths.js";
import { printSkipped } from "./print-skipped.js";
import { downloadBar, progressBar, trainingProgress } from "./progress.js";
import { trainingLogs } from "./train-logs.js";
import { addTrainOptions, overridesOf, type TrainOptions } from "./train-options.js";
import { printDryRun, printPlan } from "./train-plan.js";
import { reportRun } from "./train-report.js";
import { measureColours } from "./train-transforms.js";

export function registerTrain(program: Command): void {
  const command = program
    .command("train")
    .description("Train a network by a recipe, on a folder of images or on the built-in set of synthetic cell nuclei.")
    .argument("[recipe]", "a YAML file, or a name that `fovea recipes` lists (default: `default`)");
  addTrainOptions(command).action(async (recipe: string | undefined, options: TrainOptions) => {
    if (options.threads !== undefined) setThreads(options.threads);
    if (options.resume === undefined) return begin(recipe, options);
    checkResume(command, recipe);
    return resume(options.resume, options);
  });
}

/** What decides a run is its own; only where it happens may be chosen anew. */
function checkResume(command: Command, recipe: string | undefined): void {
  const allowed = ["resume", "threads", "output", "mlflow"];
  const other = command.options.find(
    (option) =>
      !allowed.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (recipe !== undefined) command.error("error: --resume takes the run's own recipe");
  if (other) command.error(`error: ${other.long} cannot be changed with --resume: a run goes on as it began`);
}

async function begin(name: string | undefined, options: TrainOptions): Promise<void> {
  // What can be wrong is found before anything is read or written.
  const recipe = readRecipe(name ?? "default", { sets: options.set, overrides: overridesOf(options, name) });
  requireDevice(recipe.device);
  if (options.dryRun) return printDryRun(recipe);
  if (options.name !== undefined) checkName(options.name, options.output);
  const data = await readImages(recipe, options);
  const settings = await resolveRecipe(recipe, {
    classes: data.train.classes,
    statistics: () => measureColours(data.train, onUnreadable(recipe)),
  });
  if (settings.layout === "measured") {
    settings.layout = await measureLayout(settings, data.train);
    console.log(
      `Images are laid out with ${settings.layout === "channelsLast" ? "channels last" : "channels first"}: faster here.`,
    );
  }
  if (options.findLr) return findRate(settings, data);
  if (options.fastDevRun) return tryOut(settings, data);
  const chosen = name === undefined ? settings.model.name : basename(name, extname(name));
  return train(createRun(options, chosen, settings), data, options, false);
}

async function resume(path: string, options: TrainOptions): Promise<void> {
  const run = Run.open(path);
  const { settings } = run;
  requireDevice(settings.device);
  const stands = run.position();
  if (stands && (stands.stopped !== undefined || stands.epoch >= settings.epochs)) {
    const why = stands.stopped ?? `${stands.epoch} ${stands.epoch === 1 ? "epoch" : "epochs"} are done`;
    console.log(`The training in ${shown(path)} is over: ${why}.`);
    return;
  }
  return train(run, await readImages(settings, options), options, true);
}

async function readImages(recipe: Recipe | RunSettings, options: TrainOptions): Promise<RunData> {
  const downloading = downloadBar();
  const reading = progressBar("reading images");
  if (recipe.data.source === "synthetic") console.log("Painting synthetic nuclei …");
  const progress = { onDownload: downloading.update, onProgress: reading.update };
  const data = await loadData(recipe.data, progress).finally(() => {
    downloading.stop();
    reading.stop();
  });
  printSkipped(data.skipped);
  if (options.overfitBatches === undefined) return data;
  const count = Math.min(options.overfitBatches * recipe.batchSize, data.train.size);
  const few = data.train.subset(Array.from({ length: count }, (_, i) => i));
  return { ...data, train: few, validation: few };
}

function onUnreadable({ data }: Recipe): "stop" | "skip" {
  return "onUnreadable" in data ? data.onUnreadable : "stop";
}

async function train(run: Run, data: RunData, options: TrainOptions, resumed: boolean): Promise<void> {
  const progress = trainingProgress();
  const interrupt = onInterrupt(() => {
    progress.close();
    console.error("Stopping after this step …");
  });
  printPlan(run, data);
  const started = performance.now();
  const skipped = new Map<string, SkippedImage>();
  const { limitTrainBatches, limitValBatches } = options;
  const { records, interrupted, stopped } = await trainRun(run, data, {
    callbacks: [progress, ...(await trainingLogs(run, data, mlflowAt(options)))],
    signal: interrupt.signal,
    onSkip: (image) => skipped.set(image.path, image),
    ...{ limitTrainBatches, limitValBatches, resume: resumed },
    onPassedOver: (why) => console.error(`warning: ${printable(why)}; going on from the checkpoint before it`),
  }).finally(() => {
    progress.close();
    interrupt.release();
    printSkipped([...skipped.values()]);
  });
  const seconds = (performance.now() - started) / 1000;
  if (records.length > 0) await reportRun(run, data, records, stopped);
  if (!interrupted) {
    const end = stopped === undefined ? "" : `, stopped early: ${stopped}`;
    console.log(
      `\nTrained ${records.length} ${records.length === 1 ? "epoch" : "epochs"} in ${duration(seconds)}${end}.`,
    );
    return;
  }
  console.log(
    [
      "",
      `Stopped in epoch ${records.length + 1} after ${duration(seconds)}; the newest weights are in ${shown(run.weightsPath("last"))}.`,
      `Go on with    fovea train --resume ${shown(run.path)}`,
    ].join("\n"),
  );
  process.exitCode = 130;
}

/** As MLflow's own clients find their server. */
function mlflowAt({ mlflow = process.env.MLFLOW_TRACKING_URI }: TrainOptions): string | undefined {
  return mlflow === "" ? undefined : mlflow;
}

/** One batch of each, in a folder that is gone afterwards. */
async function tryOut(settings: RunSettings, data: RunData): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fovea-dev-run-"));
  try {
    const run = Run.create(join(folder, "run"), { ...settings, epochs: 1, progressive: undefined });
    printPlan(run, data, false);
    const { records } = await trainRun(run, data, {
      ...{ limitTrainBatches: settings.accumulate, limitValBatches: 1 },
    });
    const [record] = records;
    console.log(
      `${pc.bold("It works")}: a step of training (loss ${record?.train.loss.toFixed(4)}) and one of validation.`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkName(name: string, output: string): void {
  if (name === "" || name === "." || name === ".." || /[/\\]/.test(name)) {
    throw new ArgumentError(`"${name}" cannot be the name of a run.`, "--output chooses the folder around it.");
  }
  const path = join(output, name);
  if (existsSync(path)) {
    throw new FoveaError("RUN_EXISTS", `There is a run in ${path} already.`, {
      hint: "Choose another --name, go on with it (--resume), or remove the folder.",
    });
  }
}

/** The run's folder under the name that was asked for, or a number more than there is. */
function createRun({ name, output }: TrainOptions, otherwise: string, settings: RunSettings): Run {
  if (name !== undefined) return Run.create(join(output, name), settings);
  let number = 1;
  for (;;) {
    while (existsSync(join(output, `${otherwise}-${number}`))) number++;
    try {
      return Run.create(join(output, `${otherwise}-${number}`), settings);
    } catch (error) {
      // Another training that began meanwhile has taken the number.
      if (!(error instanceof FoveaError && error.code === "RUN_EXISTS")) throw error;
    }
  }
}
