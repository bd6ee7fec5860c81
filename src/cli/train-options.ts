import { type Command, Option } from "commander";
import { type DataSpec, dataSpecOf } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { Override } from "../layered-yaml.js";
import { findModel } from "../models/index.js";
import { number, properFraction, wholeNumber } from "./arguments.js";
import { sourceHelp } from "./data-options.js";
import { augmentationOf, presetFor } from "./train-transforms.js";

/** What `fovea train` is told. What decides the training has no default here: the recipe has. */
export interface TrainOptions {
  set: string[];
  data?: string;
  model?: string;
  epochs?: number;
  batchSize?: number;
  optimizer?: keyof typeof optimizers;
  lr?: number;
  weightDecay?: number;
  schedule?: string;
  labelSmoothing?: number;
  classWeights?: "none" | "balanced";
  dropout?: number;
  augment?: string | false;
  mixup?: number;
  cutmix?: number;
  size?: number;
  weights?: string;
  seed?: number;
  validationFraction?: number;
  groupBy?: string;
  skipUnreadable?: true;
  trainImages?: number;
  validationImages?: number;
  device?: string;

  resume?: string;
  name?: string;
  output: string;
  threads?: number;
  dryRun?: true;
  findLr?: true;
  fastDevRun?: true;
  overfitBatches?: number;
  limitTrainBatches?: number;
  limitValBatches?: number;
  mlflow?: string;
}

/** What suits networks of a usual size; the learning rate is the peak of the schedule. */
const optimizers = {
  sgd: { lr: 0.1, weightDecay: 1e-4, momentum: 0.9 },
  adam: { lr: 1e-3 },
  adamw: { lr: 3e-3, weightDecay: 0.05 },
  rmsprop: { lr: 1e-3, momentum: 0.9 },
  lamb: { lr: 5e-3, weightDecay: 0.02 },
  lion: { lr: 3e-4, weightDecay: 0.5 },
} as const;

/** Those that need no options. */
const schedules = ["constant", "cosine", "oneCycle", "polynomial", "plateau"];

export function addTrainOptions(command: Command): Command {
  const limit = number(0);
  return command
    .option(
      "--set <setting=value>",
      "change a setting of the recipe, e.g. optimizer.lr=0.05; may be repeated",
      collect,
      [],
    )
    .option("--resume <run>", "go on where a run stopped, exactly; its settings are its own")
    .optionsGroup("Settings of the recipe:")
    .option("--data <source>", `${sourceHelp}; a folder has train/CLASS and validation/CLASS, or CLASS`)
    .option("--model <name>", "a name that `fovea models` lists")
    .option("--weights <source>", "begin with: published, the name of published weights, a run's folder, a file")
    .option("--epochs <n>", "passes over the training images", wholeNumber(1))
    .option("--batch-size <n>", "images in a step", wholeNumber(1))
    .addOption(
      new Option("--optimizer <name>", "with rate and decay that are usual for it").choices(Object.keys(optimizers)),
    )
    .option("--lr <rate>", "highest learning rate", number(0))
    .option("--weight-decay <share>", "how strongly weights are drawn to 0", number(0))
    .addOption(new Option("--schedule <name>", "the learning rate's course").choices(schedules))
    .option("--label-smoothing <share>", "of the target's probability, spread over all classes", number(0, 1))
    .addOption(
      new Option("--class-weights <rule>", "balanced: every class counts the same").choices(["none", "balanced"]),
    )
    .option("--dropout <p>", "before the last layer (default: the network's own)", number(0, 1))
    .option("--augment <preset|file>", "nuclei, cifar10, imagenet, or a YAML file with a list of transforms")
    .option("--no-augment", "leave the training images as those for validation")
    .option("--mixup <alpha>", "blend images and their labels; 0.2 is usual", number(0))
    .option("--cutmix <alpha>", "paste pieces of images into others; 1 is usual", number(0))
    .option("--size <pixels>", "height and width that images get (default: the network's own)", wholeNumber(1))
    .option(
      "--seed <n>",
      "decides weights, order, augmentation and, without a recipe, what is held out",
      wholeNumber(0),
    )
    .option(
      "--validation-fraction <share>",
      "held out of each class where there are no validation images (default: 0.2; of CIFAR and MNIST 0.1)",
      properFraction,
    )
    .option("--group-by <regex>", "takes from a file's name what must stay together, such as ^(p\\d+)_ the patient")
    .option("--skip-unreadable", "leave out images that cannot be read, and count them, instead of stopping")
    .option("--train-images <n>", "size of the synthetic training set (default: 2400)", wholeNumber(3))
    .option("--validation-images <n>", "size of the synthetic validation set (default: 600)", wholeNumber(3))
    .option("--device <name>", "cpu, or a GPU as cuda:0")
    .optionsGroup("The run:")
    .option("--name <name>", "of the run's folder (default: the recipe's or network's name and a number)")
    .option("--output <folder>", "where runs go", "runs")
    .option("--threads <n>", "of an operator (default: the machine's cores)", wholeNumber(1))
    .option("--mlflow <uri>", "also log to MLflow's server at this address (default: $MLFLOW_TRACKING_URI)")
    .optionsGroup("Trying out:")
    .option("--dry-run", "show network, stages and settings, and train nothing")
    .option("--find-lr", "try rising learning rates, draw their losses and suggest one, and train nothing")
    .option("--fast-dev-run", "one batch of training and one of validation, and keep nothing: does it work at all?")
    .option("--overfit-batches <n>", "train and validate on the same few batches: can it learn at all?", wholeNumber(1))
    .option("--limit-train-batches <n>", "so many batches an epoch, or a share below 1", limit)
    .option("--limit-val-batches <n>", "so many batches of validation, or a share below 1", limit)
    .addHelpText(
      "after",
      `
A recipe is a YAML file, or the name of one that comes with Fovea: \`fovea recipes\` lists them.
Options change it.

Examples:
  $ fovea train                                          the built-in set, ten epochs
  $ fovea train --data ../nuclei --name nuclei           a folder with train/ and validation/
  $ fovea train --data photos --model cifar_resnet20 --size 32 --optimizer sgd --epochs 30
  $ fovea train cifar10-resnet --data cifar10            a recipe
  $ fovea train mine.yaml --set optimizer.lr=0.05 --set schedule.warmUp.epochs=2
  $ fovea train --resume runs/nuclei                     go on where it stopped

Ctrl-C stops after the step that runs, and keeps what was learnt.`,
    );
}

function collect(text: string, before: string[]): string[] {
  return [...before, text];
}

/**
 * The options as changes of a recipe, in the order in which they are made.
 *
 * @param recipe undefined: without a recipe images are painted as large as the network takes them, and transforms suit the images
 */
export function overridesOf(options: TrainOptions, recipe: string | undefined): Override[] {
  const { model, optimizer, schedule, augment, mixup = 0, cutmix = 0 } = options;
  const data = dataOf(options, recipe);
  const fitting = recipe === undefined ? presetFor(data?.source) : undefined;
  const changes: [path: string, value: unknown, label: string][] = [
    ["data", data, "--data"],
    ["model", model && { name: model }, "--model"],
    ["model.dropout", options.dropout, "--dropout"],
    ["model.weights", options.weights, "--weights"],
    ["epochs", options.epochs, "--epochs"],
    ["batchSize", options.batchSize, "--batch-size"],
    ["optimizer", optimizer && { name: optimizer, ...optimizers[optimizer] }, "--optimizer"],
    ["optimizer.lr", options.lr, "--lr"],
    ["optimizer.weightDecay", options.weightDecay, "--weight-decay"],
    ["schedule", schedule && { name: schedule }, "--schedule"],
    ["loss.labelSmoothing", options.labelSmoothing, "--label-smoothing"],
    ["loss.classWeights", options.classWeights, "--class-weights"],
    ["transforms", augmentationOf(augment) ?? fitting, "--augment"],
    ["mix", mixup > 0 || cutmix > 0 ? { mixup, cutmix } : undefined, "--mixup, --cutmix"],
    ["size", options.size, "--size"],
    ["seed", options.seed, "--seed"],
    ["device", options.device, "--device"],
  ];
  return changes.flatMap(([path, value, label]) => (value === undefined ? [] : [{ label, value: at(path, value) }]));
}

/** `optimizer.lr` and 1 as `{ optimizer: { lr: 1 } }`. */
function at(path: string, value: unknown): Record<string, unknown> {
  const [first = "", ...rest] = path.split(".");
  return { [first]: rest.length === 0 ? value : at(rest.join("."), value) };
}

/** Of a recipe's images what was asked for is changed, without one everything follows from the options. */
function dataOf(options: TrainOptions, recipe: string | undefined): Partial<DataSpec> | undefined {
  const {
    trainImages: train,
    validationImages: validation,
    validationFraction,
    groupBy,
    skipUnreadable,
    seed,
  } = options;
  const { data = recipe === undefined ? "synthetic" : undefined } = options;
  if (data === undefined) {
    const choices = [train, validation, validationFraction, groupBy, skipUnreadable];
    if (choices.every((choice) => choice === undefined)) return undefined;
    throw new ArgumentError("How images are divided and read can be chosen only with --data.");
  }
  const isSynthetic = data === "synthetic";
  if (!isSynthetic && (train ?? validation) !== undefined) {
    throw new ArgumentError("--train-images and --validation-images are for synthetic images.");
  }
  const size = options.size ?? findModel(options.model ?? "nuclei_basic").inputSize;
  const spec = dataSpecOf(data, {
    validationFraction,
    groupBy,
    onUnreadable: skipUnreadable ? "skip" : "stop",
    ...(isSynthetic ? { synthetic: { train, validation, size, seed } } : { splitSeed: seed }),
  });
  if (recipe === undefined || spec.source === "synthetic") return spec;
  return {
    source: spec.source,
    ...("path" in spec ? { path: spec.path } : {}),
    ...(validationFraction === undefined ? {} : { validationFraction }),
    ...(groupBy === undefined ? {} : { groupBy }),
    ...(skipUnreadable ? { onUnreadable: "skip" } : {}),
  };
}
