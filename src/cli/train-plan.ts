import { stringify } from "yaml";
import { trace } from "../graph/index.js";
import { createModel, findModel } from "../models/index.js";
import { count, printable, stageTable, summaryTable } from "../report/index.js";
import {
  channelsOf,
  imageSize,
  progressiveStages,
  type Recipe,
  type Run,
  type RunData,
  scheduleOf,
} from "../train/index.js";
import { shown } from "./paths.js";

/** What a training is about, before it begins. @param isKept whether its folder stays */
export function printPlan(run: Run, data: RunData, isKept = true): void {
  const { settings } = run;
  const { width, height } = imageSize(settings);
  const model = run.createModel();
  console.log(summaryTable(trace(model, [1, channelsOf(settings), height, width]), { depth: 2 }));
  const counts = data.train.classCounts();
  console.log(
    [
      "",
      `Classes        ${settings.classes.map((name, i) => `${printable(name)} (${count(counts[i] ?? 0)})`).join(", ")}`,
      `Images         ${count(data.train.size)} to train on, ${count(data.validation.size)} to validate on, ${width}x${height}`,
      ...(isKept ? [`Run            ${shown(run.path)}`] : []),
      ...(settings.progressive ? ["", stageTable(progressiveStages(settings))] : []),
      "",
    ].join("\n"),
  );
}

/** What a recipe says, without reading an image. */
export function printDryRun(recipe: Recipe): void {
  const { weights: _, name, ...options } = recipe.model;
  const size = recipe.size ?? findModel(name).inputSize;
  const model = createModel(name, { ...options, classes: recipe.classes?.length });
  console.log(summaryTable(trace(model, [1, channelsOf(recipe), size, size]), { depth: 2 }));
  if (recipe.progressive) console.log(`\n${stageTable(progressiveStages(recipe))}`);
  const { schedule } = scheduleOf(recipe);
  const rates = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    // Of a training of a hundred updates an epoch: how many there will be, the images decide.
    const steps = 100 * recipe.epochs;
    const step = Math.min(Math.round(part * steps), steps - 1);
    return schedule({ step, steps, epoch: step / 100, epochs: recipe.epochs }).toPrecision(3);
  });
  console.log(
    ["", `Learning rate  ${rates.join(" → ")} (at 0, 25, 50, 75 and 100 %)`, "", stringify(recipe).trimEnd()].join(
      "\n",
    ),
  );
}
