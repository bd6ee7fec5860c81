import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import pc from "picocolors";
import { type DataSpec, dataSpecOf, parseMix, type SkippedImage } from "../data/index.js";
import { ArgumentError, FoveaError } from "../errors.js";
import { trace } from "../graph/index.js";
import { findModel } from "../models/index.js";
import {
  confusionChart,
  confusionTable,
  count,
  curves,
  metricsTable,
  percent,
  printable,
  summaryTable,
  writeChart,
  writePredictionSheet,
} from "../report/index.js";
import { setThreads } from "../tensor/torch/index.js";
import {
  bestEpoch,
  type EpochRecord,
  evaluate,
  evaluationLoader,
  imageSize,
  loadData,
  Run,
  type RunData,
  type RunSettings,
  requireDevice,
  trainRun,
} from "../train/index.js";
import { number, properFraction, wholeNumber } from "./arguments.js";
import { sourceHelp } from "./data-options.js";
import { onInterrupt } from "./interrupt.js";
import { printSkipped } from "./print-skipped.js";
import { downloadBar, duration, progressBar, trainingProgress } from "./progress.js";
import { chooseSamples } from "./samples.js";
import { augmentationOf, measureColours, presetFor, trainTransforms } from "./train-transforms.js";

interface Options {
  data: string;
  model: string;
  epochs: number;
  batchSize: number;
  optimizer: "adamw" | "sgd";
  lr?: number;
  weightDecay?: number;
  schedule: RunSettings["schedule"];
  labelSmoothing: number;
  classWeights: RunSettings["loss"]["classWeights"];
  dropout?: number;
  augment?: string | false;
  mixup?: number;
  cutmix?: number;
  size?: number;
  seed: number;
  validationFraction?: number;
  groupBy?: string;
  skipUnreadable?: true;
  trainImages?: number;
  validationImages?: number;
  name?: string;
  output: string;
  device: string;
  threads?: number;
}

/** What suits the networks of this size; the learning rate is the peak of the schedule. */
const optimizers = {
  adamw: { learningRate: 3e-3, weightDecay: 0.05 },
  sgd: { learningRate: 0.1, weightDecay: 1e-4, momentum: 0.9 },
} as const;

export function registerTrain(program: Command): void {
  program
    .command("train")
    .description("Train a network on a folder of images or on the built-in set of synthetic cell nuclei.")
    .option("--data <source>", `${sourceHelp}; a folder has train/CLASS and validation/CLASS, or CLASS`, "synthetic")
    .option("--model <name>", "a name that `fovea models` lists", "nuclei_basic")
    .option("--epochs <n>", "passes over the training images", wholeNumber(1), 10)
    .option("--batch-size <n>", "images in a step", wholeNumber(1), 64)
    .addOption(new Option("--optimizer <name>").choices(["adamw", "sgd"]).default("adamw"))
    .option("--lr <rate>", "highest learning rate (default: 0.003 for adamw, 0.1 for sgd)", number(0))
    .option("--weight-decay <share>", "default: 0.05 for adamw, 0.0001 for sgd", number(0))
    .addOption(
      new Option("--schedule <name>", "the learning rate's course")
        .choices(["constant", "cosine", "onecycle"])
        .default("onecycle"),
    )
    .option("--label-smoothing <share>", "of the target's probability, spread over all classes", number(0, 1), 0.1)
    .addOption(
      new Option("--class-weights <rule>", "balanced: every class counts the same")
        .choices(["none", "balanced"])
        .default("balanced"),
    )
    .option("--dropout <p>", "before the last layer (default: the network's own)", number(0, 1))
    .option(
      "--augment <preset|file>",
      "nuclei, cifar10, imagenet, or a YAML file with a list of transforms (default: what suits the data)",
    )
    .option("--no-augment", "leave the training images as those for validation")
    .option("--mixup <alpha>", "blend images and their labels; 0.2 is usual", number(0))
    .option("--cutmix <alpha>", "paste pieces of images into others; 1 is usual", number(0))
    .option(
      "--size <pixels>",
      "height and width that images are resized to (default: the network's own)",
      wholeNumber(1),
    )
    .option("--seed <n>", "decides weights, order, augmentation and split", wholeNumber(0), 0)
    .option(
      "--validation-fraction <share>",
      "held out of each class where there are no validation images (default: 0.2; of CIFAR and MNIST 0.1)",
      properFraction,
    )
    .option("--group-by <regex>", "takes from a file's name what must stay together, such as ^(p\\d+)_ the patient")
    .option("--skip-unreadable", "leave out images that cannot be read, and count them, instead of stopping")
    .option("--train-images <n>", "size of the synthetic training set (default: 2400)", wholeNumber(3))
    .option("--validation-images <n>", "size of the synthetic validation set (default: 600)", wholeNumber(3))
    .option("--name <name>", "of the run's folder (default: the network's name and a number)")
    .option("--output <folder>", "where runs go", "runs")
    .option("--device <name>", "cpu, or a GPU as cuda:0", "cpu")
    .option("--threads <n>", "of an operator (default: the machine's cores)", wholeNumber(1))
    .addHelpText(
      "after",
      `
Examples:
  $ fovea train                                          the built-in set, ten epochs
  $ fovea train --data ../nuclei --name nuclei           a folder with train/ and validation/
  $ fovea train --data photos --model cifar_resnet20 --size 32 --optimizer sgd --epochs 30

Ctrl-C stops after the step that runs, and keeps what was learnt.`,
    )
    .action(train);
}

async function train(options: Options): Promise<void> {
  // What can be wrong is found before anything is read or written.
  requireDevice(options.device);
  if (options.threads !== undefined) setThreads(options.threads);
  const model = findModel(options.model);
  if (options.name !== undefined) checkName(options.name, options.output);
  const size = options.size ?? model.inputSize;
  trace(model.build({ dropout: options.dropout }), [1, 3, size, size]);
  const source = dataOf(options, size);
  const preset = presetFor(source);
  const augmentation = augmentationOf(options.augment, preset);

  const downloading = downloadBar();
  const reading = progressBar("reading images");
  if (source.source === "synthetic")
    console.log(`Painting ${count(source.train + source.validation)} synthetic nuclei …`);
  const data = await loadData(source, { onDownload: downloading.update, onProgress: reading.update }).finally(() => {
    downloading.stop();
    reading.stop();
  });
  const statistics = await measureColours(data.train, options.skipUnreadable ? "skip" : "stop");
  printSkipped(data.skipped);
  const transforms = trainTransforms(augmentation, preset, size, statistics);

  const progress = trainingProgress();
  const interrupt = onInterrupt(() => {
    progress.close();
    console.error("Stopping after this step …");
  });
  const run = createRun(options, settingsOf(options, source, data, transforms));
  printPlan(run, data);
  const started = performance.now();
  const skipped = new Map<string, SkippedImage>();
  const { records, interrupted } = await trainRun(run, data, {
    callbacks: [progress],
    signal: interrupt.signal,
    onSkip: (image) => skipped.set(image.path, image),
  }).finally(() => {
    progress.close();
    interrupt.release();
    printSkipped([...skipped.values()]);
  });
  const best = bestEpoch(records);
  if (best) await report(run, data, records, best);
  const time = duration((performance.now() - started) / 1000);
  if (!interrupted) {
    console.log(`\nTrained ${records.length} ${records.length === 1 ? "epoch" : "epochs"} in ${time}.`);
    return;
  }
  console.log(
    `\nStopped in epoch ${records.length + 1} after ${time}; the newest weights are in ${shown(run.weightsPath("last"))}.`,
  );
  process.exitCode = 130;
}

function dataOf({ data, seed, ...options }: Options, size: number): DataSpec {
  const { trainImages: train, validationImages: validation, validationFraction, groupBy, skipUnreadable } = options;
  const isSynthetic = data === "synthetic";
  if (!isSynthetic && (train ?? validation) !== undefined) {
    throw new ArgumentError("--train-images and --validation-images are for synthetic images.");
  }
  const spec = dataSpecOf(data, {
    validationFraction,
    groupBy,
    onUnreadable: skipUnreadable ? "skip" : "stop",
    ...(isSynthetic ? { synthetic: { train, validation, size, seed } } : { splitSeed: seed }),
  });
  // The run is evaluated from anywhere.
  return "path" in spec && spec.path !== undefined ? { ...spec, path: resolve(spec.path) } : spec;
}

function settingsOf(
  options: Options,
  source: DataSpec,
  data: RunData,
  transforms: RunSettings["transforms"],
): RunSettings {
  const { mixup = 0, cutmix = 0 } = options;
  const { lr, weightDecay } = options;
  const known = optimizers[options.optimizer];
  const rates = { learningRate: lr ?? known.learningRate, weightDecay: weightDecay ?? known.weightDecay };
  return {
    version: 2,
    model: { name: options.model, dropout: options.dropout },
    data: source,
    classes: [...data.train.classes],
    transforms,
    mix: mixup > 0 || cutmix > 0 ? parseMix({ mixup, cutmix }) : undefined,
    sampler: { name: "shuffle" },
    epochs: options.epochs,
    batchSize: options.batchSize,
    optimizer:
      options.optimizer === "sgd"
        ? { name: "sgd", ...rates, momentum: optimizers.sgd.momentum }
        : { name: "adamw", ...rates },
    schedule: options.schedule,
    loss: { labelSmoothing: options.labelSmoothing, classWeights: options.classWeights },
    seed: options.seed,
    device: options.device,
  };
}

function checkName(name: string, output: string): void {
  if (name === "" || name === "." || name === ".." || /[/\\]/.test(name)) {
    throw new ArgumentError(`"${name}" cannot be the name of a run.`, "--output chooses the folder around it.");
  }
  const path = join(output, name);
  if (existsSync(path)) {
    throw new FoveaError("RUN_EXISTS", `There is a run in ${path} already.`, {
      hint: "Choose another --name, or remove the folder.",
    });
  }
}

/** The run's folder under the name that was asked for, or the network's with the next free number. */
function createRun({ name, output, model }: Options, settings: RunSettings): Run {
  if (name !== undefined) return Run.create(join(output, name), settings);
  let number = 1;
  for (;;) {
    while (existsSync(join(output, `${model}-${number}`))) number++;
    try {
      return Run.create(join(output, `${model}-${number}`), settings);
    } catch (error) {
      // Another training that began meanwhile has taken the number.
      if (!(error instanceof FoveaError && error.code === "RUN_EXISTS")) throw error;
    }
  }
}

function printPlan(run: Run, data: RunData): void {
  const { settings } = run;
  const { width, height } = imageSize(settings);
  console.log(summaryTable(trace(run.createModel(), [1, 3, height, width]), { depth: 2 }));
  const counts = data.train.classCounts();
  console.log(
    [
      "",
      `Classes        ${settings.classes.map((name, i) => `${printable(name)} (${count(counts[i] ?? 0)})`).join(", ")}`,
      `Images         ${count(data.train.size)} to train on, ${count(data.validation.size)} to validate on, ${width}x${height}`,
      `Run            ${shown(run.path)}`,
      "",
    ].join("\n"),
  );
}

/** Charts, tables and pictures of what the best weights do on the validation images. */
async function report(run: Run, data: RunData, records: readonly EpochRecord[], best: EpochRecord): Promise<void> {
  const model = run.loadModel("best", run.settings.device);
  const evaluation = await evaluate(model, evaluationLoader(data.validation, run.settings), {
    device: run.settings.device,
  });
  const { matrix } = evaluation;
  model.release();
  const samples = await chooseSamples(data.validation, evaluation, run.settings.seed);
  const [, curvesPicture = ""] = await writeChart(curves(records), run.file("curves"));
  const [, confusionPicture = ""] = await writeChart(confusionChart(matrix), run.file("confusion"));
  await writePredictionSheet(run.file("predictions.png"), samples);
  console.log(
    [
      "",
      pc.bold(
        `Best epoch ${best.epoch}: validation accuracy ${percent(matrix.accuracy)}, balanced accuracy ${percent(matrix.balancedAccuracy)}`,
      ),
      "",
      confusionTable(matrix),
      "",
      metricsTable(matrix),
      "",
      `Curves         ${shown(curvesPicture)}`,
      `Confusion      ${shown(confusionPicture)}`,
      `Predictions    ${shown(run.file("predictions.png"))}`,
      `Weights        ${shown(run.weightsPath("best"))}`,
      `Settings       ${shown(run.file("recipe.yaml"))}`,
    ].join("\n"),
  );
}

/** A path for the reader: relative where it lies below the working directory. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return printable(short.startsWith("..") ? resolve(path) : short);
}
