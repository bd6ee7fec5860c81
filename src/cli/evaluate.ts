import type { Command } from "commander";
import { Loader, parsePipeline, type SkippedImage } from "../data/index.js";
import { FileError } from "../errors.js";
import type { Module } from "../nn/index.js";
import {
  confusionTable,
  count,
  exactPercent,
  metricsTable,
  percent,
  printable,
  reliabilityChart,
  table,
} from "../report/index.js";
import {
  type ClassificationReport,
  classificationReport,
  type Evaluation,
  ensemble,
  evaluate,
  evaluationLoader,
  Run,
  requireDevice,
} from "../train/index.js";
import { modelFromCheckpoint } from "../weights/index.js";
import { wholeNumber } from "./arguments.js";
import { chartFile, writeChartFile } from "./chart-file.js";
import { imagesFor, testImages } from "./evaluation-images.js";
import { printSkipped } from "./print-skipped.js";
import { progressBar } from "./progress.js";
import { isRun, loadRunModel, openRuns, predictEach } from "./run-networks.js";
import { addRunOptions, type RunOptions, requireOneRun } from "./run-options.js";

interface Options extends RunOptions {
  checkpoint?: string;
  data?: string;
  model?: string;
  batchSize?: number;
  calibration?: string;
}

/** A network, and the images to measure it on. */
interface Subject {
  model: Module;
  loader: Loader;
  skipped: readonly SkippedImage[];
  /** What it is, for `--json`. */
  about: Readonly<Record<string, unknown>>;
}

/** What was measured of one network, or of the mean of several. */
interface Measured extends Pick<Subject, "about"> {
  evaluation: Evaluation;
  /** `[images of the set]` */
  labels: ArrayLike<number>;
  skipped: readonly SkippedImage[];
  /** Of several networks what each comes to by itself. */
  members: readonly MemberScores[];
}

interface MemberScores {
  run: string;
  loss: number;
  accuracy: number;
  balancedAccuracy: number;
}

export function registerEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .description("Measure a network on labelled images: loss, accuracy, calibration, each class, confusion.")
    .argument("[runs...]", "a run's folder, or several to measure as an ensemble; or give --checkpoint and --data")
    .option(
      "--data <source>",
      "a folder per class, such a test/ or validation/ inside, or another source of images (default: the run's own validation images)",
    )
    .option("--checkpoint <file>", "weights: .safetensors, or PyTorch's .pt, .pth, .ckpt")
    .option("--model <name>", "for --checkpoint: the network, where the file holds weights alone")
    .option("--batch-size <n>", "for --checkpoint: images at a time (default: 100)", wholeNumber(1))
    .option("--calibration <file>", "draw a reliability diagram too, .svg or .png", chartFile);
  addRunOptions(command)
    .addHelpText(
      "after",
      `
Of several runs the mean of their probabilities is measured, and each by itself. Each gets the
images as it needs them; the classes must be the same.

The images may also be named last, after the runs, where they are no run's folder. Of the data's
folder test/ is taken, else validation/, else the folder itself. A checkpoint's network is rebuilt
from what the file tells, and images are normalised as that network expects.

Examples:
  $ fovea evaluate runs/nuclei
  $ fovea evaluate runs/nuclei --data ../nuclei/validation --json
  $ fovea evaluate runs/first runs/second runs/third --data ../nuclei
  $ fovea evaluate runs/nuclei --weights average.safetensors
  $ fovea evaluate runs/nuclei --calibration reliability.svg
  $ fovea evaluate --checkpoint ResNet.ckpt --data cifar-10-batches-bin
  $ fovea evaluate --checkpoint weights.pt --model cifar_resnet20 --data photos`,
    )
    .action(async (paths: string[], options: Options) => {
      const { folders, data } = divide(paths, options.data);
      checkUsage(command, folders, { ...options, data });
      const { evaluation, labels: all, skipped, about, members } = await measured(folders, data, options);
      const { loss, matrix, probabilities, indices } = evaluation;
      const labels = Int32Array.from(indices, (index) => all[index] as number);
      const report = classificationReport(matrix, probabilities, labels);
      if (options.calibration !== undefined) {
        await writeChartFile(options.calibration, reliabilityChart(report.calibration));
      }
      if (options.json) {
        const each = members.length > 0 ? { members } : {};
        console.log(JSON.stringify({ ...about, ...each, loss, ...report, skipped }, null, 2));
        return;
      }
      console.log(
        [
          ...(members.length === 0 ? [] : [membersTable(members, { run: "ensemble", ...scores(evaluation) }), ""]),
          `Images              ${count(indices.length)}`,
          `Loss                ${loss.toFixed(4)}`,
          `Accuracy            ${exactPercent(matrix.accuracy)}`,
          `Balanced accuracy   ${percent(matrix.balancedAccuracy)}`,
          ...(report.top5Accuracy === null ? [] : [`Top-5 accuracy      ${exactPercent(report.top5Accuracy)}`]),
          `ROC-AUC, macro      ${rocAucText(report)}`,
          `Calibration (ECE)   ${exactPercent(report.calibration.expectedError)}`,
          "",
          metricsTable(matrix),
          "",
          confusionTable(matrix),
          ...(options.calibration === undefined
            ? []
            : ["", `The reliability diagram is in ${printable(options.calibration)}`]),
        ].join("\n"),
      );
    });
}

/** The runs, and the images if they stand behind them. */
function divide(paths: readonly string[], data: string | undefined): { folders: readonly string[]; data?: string } {
  const last = paths.at(-1);
  if (data !== undefined || last === undefined || paths.length < 2 || isRun(last)) return { folders: paths, data };
  return { folders: paths.slice(0, -1), data: last };
}

function membersTable(members: readonly MemberScores[], whole: MemberScores): string {
  const row = ({ run, loss, accuracy, balancedAccuracy }: MemberScores) => [
    printable(run),
    loss.toFixed(4),
    exactPercent(accuracy),
    percent(balancedAccuracy),
  ];
  return table(["Run", "Loss", "Accuracy", "Balanced accuracy"], members.map(row), { footer: [row(whole)] });
}

function scores({ loss, matrix: { accuracy, balancedAccuracy } }: Evaluation): Omit<MemberScores, "run"> {
  return { loss, accuracy, balancedAccuracy };
}

/** The mean, and of how many classes it is where some have no value. */
function rocAucText({ macro, perClass }: ClassificationReport): string {
  if (Number.isNaN(macro.rocAuc)) return "–";
  const defined = perClass.filter(({ rocAuc }) => !Number.isNaN(rocAuc)).length;
  const text = macro.rocAuc.toFixed(4);
  return defined === perClass.length ? text : `${text} (of the ${count(defined)} classes that occur)`;
}

function checkUsage(command: Command, runs: readonly string[], options: Options): void {
  const { checkpoint, data, model, batchSize } = options;
  if (checkpoint === undefined) {
    if (runs.length === 0)
      command.error("error: missing required argument 'run': name a run's folder, or give --checkpoint and --data");
    if (model !== undefined || batchSize !== undefined) {
      command.error("error: --model and --batch-size belong to --checkpoint");
    }
    requireOneRun(command, runs, options);
  } else {
    if (runs.length > 0) command.error("error: give either a run's folder or --checkpoint");
    if (command.getOptionValueSource("weights") === "cli") command.error("error: --weights belongs to a run");
    if (data === undefined) command.error("error: --checkpoint needs --data");
  }
}

async function measured(folders: readonly string[], data: string | undefined, options: Options): Promise<Measured> {
  if (folders.length > 1) return ensembleOf(openRuns(folders), data, options);
  const [folder] = folders;
  const { model, loader, skipped, about } = await (folder === undefined
    ? checkpointSubject(options.checkpoint ?? "", data ?? "", options)
    : runSubject(folder, data, options));
  const running = progressBar("evaluating");
  const evaluation = await evaluate(model, loader, {
    device: options.device,
    onBatch: (done) => running.update(done, loader.set.size),
  }).finally(() => {
    running.stop();
    printSkipped(skipped);
  });
  return { evaluation, labels: loader.set.labels, skipped, about, members: [] };
}

async function ensembleOf(runs: readonly Run[], data: string | undefined, options: Options): Promise<Measured> {
  const { images, skipped, onUnreadable } = await imagesFor(runs, data, options);
  const onSkip = (image: SkippedImage) => skipped.push(image);
  const members = await predictEach(runs, images, { ...options, onUnreadable, onSkip }).finally(() =>
    printSkipped(skipped),
  );
  const paths = runs.map(({ path }) => path);
  return {
    evaluation: ensemble(members, images),
    labels: images.labels,
    skipped,
    about: { runs: paths, weights: options.weights, data: data ?? runs[0]?.settings.data },
    members: members.map((member, i) => ({ run: paths[i] ?? "", ...scores(ensemble([member], images)) })),
  };
}

async function runSubject(folder: string, data: string | undefined, options: Options): Promise<Subject> {
  const run = Run.open(folder);
  const model = loadRunModel(run, options.weights, options.device);
  const { images, skipped, onUnreadable } = await imagesFor([run], data, options);
  const onSkip = (image: SkippedImage) => skipped.push(image);
  const loader = evaluationLoader(images, run.settings, { onUnreadable, onSkip });
  return { model, loader, skipped, about: { run: folder, weights: options.weights, data: data ?? run.settings.data } };
}

async function checkpointSubject(checkpoint: string, data: string, options: Options): Promise<Subject> {
  const { name: device } = requireDevice(options.device);
  const { model, entry, classes } = modelFromCheckpoint(checkpoint, { model: options.model, device });
  const { normalization, name, inputSize, inChannels } = entry;
  if (inChannels !== 3) {
    throw new FileError(
      checkpoint,
      `is of ${name}, which takes images of ${inChannels} channels; they are read as RGB`,
    );
  }
  if (!normalization) {
    throw new FileError(checkpoint, `is of ${name}, which has no normalisation of its own`, {
      hint: "It is trained with its data's: evaluate the run's folder, which keeps it.",
    });
  }
  const { images, skipped, onUnreadable } = await testImages(data, classes, options);
  const loader = new Loader(images, {
    batchSize: options.batchSize ?? 100,
    transforms: parsePipeline([
      { name: "resize", size: [inputSize, inputSize], interpolation: "bicubic" },
      { name: "normalize", ...normalization },
    ]),
    layout: "nhwc",
    onUnreadable,
    onSkip: (image) => skipped.push(image),
  });
  return { model, loader, skipped, about: { checkpoint, model: name, data } };
}
