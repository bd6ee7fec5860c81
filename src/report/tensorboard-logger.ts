import { existsSync, readdirSync } from "node:fs";
import { stringify } from "yaml";
import type { Graph } from "../graph/index.js";
import type { Callback } from "../train/callback.js";
import { bestEpoch, type Metric, scoresOf } from "../train/epoch.js";
import type { ConfusionMatrix } from "../train/metrics.js";
import { confusionChart } from "./confusion.js";
import { flatSettings } from "./flat-settings.js";
import { type GridRow, imageGrid } from "./image-grid.js";
import { epochValues, scoreNames, scoreValues, stepValues } from "./logged-values.js";
import { rasterize, renderSvg } from "./render.js";
import { EventWriter } from "./tensorboard/event-writer.js";
import { wholeOption } from "./tiles.js";

export interface TensorBoardOptions {
  /** Batches from one point of `train/loss_step` and `learning_rate` to the next; default 50. */
  everySteps?: number;
  /** The network, for the page "Graphs". */
  graph?: Graph;
  /** What the run is made with, plain data: a text, and a row of the page "HParams". */
  recipe?: Readonly<Record<string, unknown>>;
  /** Images as the network sees them, drawn as a grid; at most 500. */
  samples?: readonly GridRow[];
  /** What the best epoch is chosen by, whose scores stand on the page "HParams". Default `balancedAccuracy`. */
  metric?: Metric;
}

/** With more classes nobody can tell the cells of a confusion matrix apart. */
const mostClasses = 100;
/** The share of a training's time that may go into drawing confusion matrices. */
const drawingShare = 0.01;

/**
 * Tells TensorBoard of a training: `tensorboard --logdir FOLDER`, where the folder holds one run or several, each in a
 * folder of its own.
 *
 * The step of everything is the number of batches since training began, so that curves of batches and of epochs have
 * one axis, as with Lightning; the curve `epoch` says which epoch it was. Written are
 *
 * - every `everySteps` batches `train/loss_step` and `learning_rate`,
 * - after each epoch `train/loss`, `train/accuracy`, `validation/…` and, where there are averaged weights, `average/…`,
 * - `confusion_matrix` as an image, of the averaged weights where there are such: of the last epoch, and of
 *   those before it as long as drawing takes no more than a hundredth of the time; with up to 100 classes,
 * - at the start the recipe, the graph and the samples; at the end the scores of the best epoch as `hparam/…`.
 *
 * Where a training goes on, so do its curves, in a file of its own in the same folder: what is done again replaces what
 * was there. A training that begins anew replaces the curves and images of its folder; the page "HParams" keeps the
 * first recipe.
 *
 * Its hooks throw FileError when the disk does not take something.
 *
 * @throws ArgumentError when `everySteps` is not a whole number from 1 on
 */
export function tensorBoardLogger(folder: string, options: TensorBoardOptions = {}): Callback {
  const { graph, recipe, samples = [], metric } = options;
  const everySteps = wholeOption("everySteps", options.everySteps ?? 50, 1, Number.MAX_SAFE_INTEGER);
  let writer: EventWriter | undefined;
  /** Batches done. */
  let step = 0;
  /** Of the newest epoch, until it is drawn. */
  let matrix: ConfusionMatrix | undefined;
  let seconds = 0;
  let secondsDrawn = 0;
  /** What the next drawing takes: of the first it is a guess, for Vega has to be loaded. */
  let secondsToDraw = 1;

  const scalars = (values: Readonly<Record<string, number>>) => {
    for (const [tag, value] of Object.entries(values)) writer?.scalar(tag, value, step);
  };
  const draw = async () => {
    if (matrix === undefined) return;
    const start = performance.now();
    writer?.image("confusion_matrix", await rasterize(await renderSvg(confusionChart(matrix))), step);
    secondsToDraw = (performance.now() - start) / 1000;
    secondsDrawn += secondsToDraw;
    matrix = undefined;
  };

  return {
    onFitStart: async (fit) => {
      const { epoch, batch } = fit.state().position;
      step = epoch * fit.batches + batch;
      const begins = step === 0 || !hasEvents(folder);
      writer = new EventWriter(folder, { purgeStep: step === 0 ? 0 : step + 1 });
      if (!begins) return;
      if (recipe) {
        writer.text("recipe", `\`\`\`yaml\n${stringify(recipe, { aliasDuplicateObjects: false })}\`\`\``, 0);
        writer.beginSession(
          flatSettings(recipe),
          scoreNames.map(([, name]) => `hparam/${name}`),
        );
      }
      if (graph) writer.graph(graph);
      if (samples.length > 0) writer.image("samples", await imageGrid(samples), 0);
    },
    onTrainBatchEnd: (record) => {
      step = record.globalStep;
      if (step % everySteps === 0) scalars(stepValues(record));
    },
    onTrainEpochEnd: async (record, evaluation, average) => {
      scalars(epochValues(record));
      seconds += record.seconds;
      if (evaluation.matrix.classes.length > mostClasses) return;
      matrix = (average ?? evaluation).matrix;
      if (secondsDrawn + secondsToDraw <= drawingShare * seconds) await draw();
    },
    onFitEnd: async (records) => {
      await draw();
      const best = bestEpoch(records, metric);
      if (recipe && best) writer?.endSession(scoreValues("hparam/", scoresOf(best)));
      writer?.close();
    },
    onException: () => writer?.close(),
  };
}

function hasEvents(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("events.out.tfevents."));
}
