import { readFileSync } from "node:fs";
import { basename } from "node:path";
import pc from "picocolors";
import { imageOf } from "../data/index.js";
import { trace } from "../graph/index.js";
import {
  confusionChart,
  confusionTable,
  curves,
  metricsTable,
  percent,
  type ShownMistake,
  writeChart,
  writeHtmlReport,
  writePredictionSheet,
} from "../report/index.js";
import {
  bestEpoch,
  channelsOf,
  classificationReport,
  type EpochRecord,
  type Evaluation,
  environment,
  evaluate,
  evaluationLoader,
  imageSize,
  mostConfidentMistakes,
  progressiveStages,
  type Run,
  type RunData,
} from "../train/index.js";
import { shown } from "./paths.js";
import { chooseSamples } from "./samples.js";

/** Mistakes that the report shows. */
const mistakes = 24;

/**
 * Charts, tables and pictures of what the best weights do on the validation images, and the report of the run.
 *
 * @param stopped why training stopped early, where it did
 */
export async function reportRun(
  run: Run,
  data: RunData,
  records: readonly EpochRecord[],
  stopped: string | undefined,
): Promise<void> {
  const { settings } = run;
  const { metric } = settings.checkpoint;
  const best = bestEpoch(records, metric);
  if (!best) return;
  const { device, precision } = settings;
  const model = run.loadModel("best", device);
  const evaluation = await evaluate(model, evaluationLoader(data.validation, settings), { device, precision });
  model.release();
  const { matrix } = evaluation;
  const samples = await chooseSamples(data.validation, evaluation, settings.seed);
  const [, curvesPicture = ""] = await writeChart(curves(records, metric), run.file("curves"));
  const [, confusionPicture = ""] = await writeChart(confusionChart(matrix), run.file("confusion"));
  await writePredictionSheet(run.file("predictions.png"), samples);
  const notes = stopped === undefined ? [] : [`Training stopped early: ${stopped}.`];
  await writePage(run, data, records, evaluation, notes);
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
      `Report         ${shown(run.file("report.html"))}`,
      `Curves         ${shown(curvesPicture)}`,
      `Confusion      ${shown(confusionPicture)}`,
      `Predictions    ${shown(run.file("predictions.png"))}`,
      `Weights        ${shown(run.weightsPath("best"))}`,
      `Settings       ${shown(run.file("recipe.yaml"))}`,
    ].join("\n"),
  );
}

/** Everything about the run on one page. */
async function writePage(
  run: Run,
  { validation }: RunData,
  records: readonly EpochRecord[],
  evaluation: Evaluation,
  notes: readonly string[],
): Promise<void> {
  const { settings } = run;
  const { width, height } = imageSize(settings);
  const { matrix, probabilities, labels } = evaluation;
  const model = run.createModel();
  const wrong = mostConfidentMistakes(evaluation, validation.labels, mistakes);
  await writeHtmlReport(run.file("report.html"), {
    title: basename(run.path),
    records,
    metric: settings.checkpoint.metric,
    evaluation: { matrix, report: classificationReport(matrix, probabilities, labels) },
    mistakes: await Promise.all(
      wrong.map(async ({ index, truth, predicted, confidence }): Promise<ShownMistake> => {
        const name = (label: number) => settings.classes[label] ?? "";
        const picture = await imageOf(validation, index);
        return {
          ...{ picture, confidence, name: validation.names[index] ?? "" },
          ...{ truth: name(truth), predicted: name(predicted) },
        };
      }),
    ),
    network: trace(model, [1, channelsOf(settings), height, width]),
    recipe: readFileSync(run.file("recipe.yaml"), "utf8"),
    environment: environment(),
    notes,
    stages: progressiveStages(settings).map((row) => ({ ...row, fromEpoch: row.fromEpoch + 1 })),
  });
}
