import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  decodeMessage,
  type Message,
  message,
  messages,
  number,
  rawBytes,
  readEventRecords,
  text,
} from "../../test/support/event-file.js";
import { someFit, someRecord, someStep } from "../../test/support/fit.js";
import { someScores, TinyNet } from "../../test/support/tiny.js";
import { ArgumentError } from "../errors.js";
import { trace } from "../graph/index.js";
import { type Callback, ConfusionMatrix, type EpochRecord, type Evaluation } from "../train/index.js";
import { type TensorBoardOptions, tensorBoardLogger } from "./tensorboard-logger.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-board-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const classes = ["red", "blue"];

function evaluationOf(counts: number[][], names = classes): Evaluation {
  const matrix = ConfusionMatrix.fromCounts(names, counts);
  return { loss: 1, matrix, probabilities: new Float32Array(), indices: new Uint32Array(), labels: new Int32Array() };
}

const evaluation = evaluationOf([
  [3, 1],
  [0, 4],
]);

/** Epochs of 4 batches; what they came to. */
async function train(logger: Callback, records: readonly EpochRecord[], average?: Evaluation): Promise<void> {
  for (const record of records) {
    for (let i = 1; i <= 4; i++) await logger.onTrainBatchEnd?.(someStep(4 * (record.epoch - 1) + i));
    await logger.onTrainEpochEnd?.(record, evaluation, average);
  }
}

async function wholeTraining(options: TensorBoardOptions, records: readonly EpochRecord[]): Promise<void> {
  const logger = tensorBoardLogger(folder, options);
  await logger.onFitStart?.(someFit());
  await train(logger, records);
  await logger.onFitEnd?.(records);
}

/** The events of the folder's files, oldest file first, each file's version left out. */
function eventsOf(): Message[][] {
  return readdirSync(folder)
    .sort()
    .map((name) =>
      readEventRecords(readFileSync(join(folder, name)))
        .map(decodeMessage)
        .slice(1),
    );
}

function valuesOf(events: readonly Message[], tag: string): { step: number; value: Message }[] {
  return events.flatMap((event) =>
    messages(event, 5)
      .flatMap((summary) => messages(summary, 1))
      .filter((value) => text(value, 1) === tag)
      .map((value) => ({ step: number(event, 2), value })),
  );
}

function curve(events: readonly Message[], tag: string): [number, number][] {
  return valuesOf(events, tag).map(({ step, value }) => [step, number(value, 2)]);
}

const images = (events: readonly Message[], tag: string) =>
  valuesOf(events, tag).map(({ step, value }) => ({ step, png: rawBytes(message(value, 4), 4) }));

describe("tensorBoardLogger", () => {
  it("writes a training's curves over its batches", async () => {
    const average = someScores({ loss: 0.25, macroF1: 0.5 });
    const records = [someRecord(1), someRecord(2, { average }), someRecord(3)];
    await wholeTraining({ everySteps: 3 }, records);
    const [events = []] = eventsOf();
    expect(curve(events, "train/loss_step")).toEqual([3, 6, 9, 12].map((step) => [step, Math.fround(1 / step)]));
    expect(curve(events, "learning_rate").map(([step]) => step)).toEqual([3, 6, 9, 12]);
    expect(curve(events, "epoch")).toEqual([
      [4, 1],
      [8, 2],
      [12, 3],
    ]);
    expect(curve(events, "train/loss")).toEqual(records.map((r) => [4 * r.epoch, Math.fround(r.train.loss)]));
    expect(curve(events, "validation/loss")).toEqual([4, 8, 12].map((step, i) => [step, Math.fround(0.5 / (i + 1))]));
    for (const [name, value] of Object.entries({ accuracy: 0.8, balanced_accuracy: 0.75, macro_f1: 0.7 })) {
      expect(curve(events, `validation/${name}`)).toEqual([4, 8, 12].map((step) => [step, Math.fround(value)]));
    }
    for (const name of ["top5_accuracy", "roc_auc", "calibration_error"]) {
      expect(curve(events, `validation/${name}`)).toHaveLength(3);
    }
    expect(curve(events, "average/loss")).toEqual([[8, 0.25]]);
    expect(curve(events, "average/macro_f1")).toEqual([[8, 0.5]]);
  });

  it("takes numbers that are none", async () => {
    const diverged = someScores({ loss: Number.POSITIVE_INFINITY, rocAuc: Number.NaN });
    const logger = tensorBoardLogger(folder, { everySteps: 1, recipe: { lr: 1 } });
    await logger.onFitStart?.(someFit());
    await logger.onTrainBatchEnd?.(someStep(1, { batchLoss: Number.NaN }));
    const record = someRecord(1, { validation: diverged });
    await logger.onTrainEpochEnd?.(record, evaluation);
    await logger.onFitEnd?.([record]);
    const [events = []] = eventsOf();
    expect(curve(events, "train/loss_step")).toEqual([[1, Number.NaN]]);
    expect(curve(events, "validation/loss")).toEqual([[1, Number.POSITIVE_INFINITY]]);
    expect(curve(events, "hparam/roc_auc")).toEqual([[0, Number.NaN]]);
  });

  it("tells at the start what is trained, and at the end what the best epoch came to", async () => {
    const pixels = Uint8Array.from({ length: 48 }, (_, i) => 5 * i);
    const picture = { pixels, width: 4, height: 4, title: "original" };
    const recipe = {
      version: 3,
      description: "a test",
      classes,
      optimizer: { name: "sgd", lr: 0.1, nesterov: false, betas: [0.9, 0.99] },
      average: undefined,
    };
    const graph = trace(new TinyNet(), [1, 3, 8, 8]);
    const samples = [{ label: "red", name: "a.png", cells: [picture, picture] }];
    const records = [
      someRecord(1, { validation: someScores({ accuracy: 0.75, loss: 2 }) }),
      someRecord(2, { validation: someScores({ accuracy: 0.5, loss: 1 }) }),
    ];
    await wholeTraining({ recipe, graph, samples, metric: "accuracy" }, records);
    const [events = []] = eventsOf();

    const written = valuesOf(events, "recipe").map(({ step, value }) => [step, text(message(value, 8), 8)]);
    expect(written).toEqual([[0, expect.stringContaining("optimizer:\n  name: sgd\n  lr: 0.1\n")]]);
    expect(events.filter((event) => event.has(4))).toHaveLength(1);
    const [grid, ...more] = images(events, "samples");
    expect(more).toEqual([]);
    expect(grid?.step).toBe(0);
    expect((await sharp(grid?.png).metadata()).width).toBeGreaterThan(320);

    const contentOf = (tag: string) => {
      const [found] = valuesOf(events, `_hparams_/${tag}`);
      if (!found) throw new Error(`there is no ${tag}`);
      return decodeMessage(rawBytes(message(message(found.value, 9), 1), 2));
    };
    const experiment = message(contentOf("experiment"), 2);
    expect(messages(experiment, 4).map((column) => text(column, 1))).toEqual([
      "classes",
      "optimizer.name",
      "optimizer.lr",
      "optimizer.nesterov",
      "optimizer.betas",
    ]);
    expect(messages(experiment, 5).map((metric) => text(message(metric, 1), 2))).toContain("hparam/accuracy");
    expect(number(message(contentOf("session_end_info"), 4), 1)).toBe(1);
    expect(curve(events, "hparam/accuracy")).toEqual([[0, 0.75]]);
    expect(curve(events, "hparam/loss")).toEqual([[0, 2]]);
    // What it is made with stands there from the start.
    const order = events.flatMap((event) => messages(event, 5).flatMap((s) => messages(s, 1).map((v) => text(v, 1))));
    expect(order.indexOf("_hparams_/session_start_info")).toBeLessThan(order.indexOf("epoch"));
    expect(order.indexOf("_hparams_/session_end_info")).toBeGreaterThan(order.lastIndexOf("epoch"));
  });

  it("goes on in a file of its own, which replaces the steps that are done again", async () => {
    const options = { everySteps: 1, recipe: { lr: 1 } };
    const first = tensorBoardLogger(folder, options);
    await first.onFitStart?.(someFit());
    await train(first, [someRecord(1)]);
    for (const step of [5, 6, 7]) await first.onTrainBatchEnd?.(someStep(step));
    await first.onException?.(new Error("a crash"));

    const second = tensorBoardLogger(folder, options);
    await second.onFitStart?.(someFit({ epoch: 1, batch: 1, records: [someRecord(1)] }));
    for (const step of [6, 7, 8]) await second.onTrainBatchEnd?.(someStep(step));
    await second.onTrainEpochEnd?.(someRecord(2), evaluation);
    await second.onFitEnd?.([someRecord(1), someRecord(2)]);

    const [before = [], after = [], ...more] = eventsOf();
    expect(more).toEqual([]);
    expect(curve(before, "train/loss_step").map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    // Steps 6 and 7 are forgotten, and 5, which it goes on after, is not.
    expect(after[0] && [number(after[0], 2), number(message(after[0], 7), 1)]).toEqual([6, 1]);
    expect(curve(after, "train/loss_step").map(([step]) => step)).toEqual([6, 7, 8]);
    expect(curve(after, "epoch")).toEqual([[8, 2]]);
    expect([before, after].map((events) => valuesOf(events, "recipe").length)).toEqual([1, 0]);
  });

  it("that was not there when training began tells what is trained when it goes on", async () => {
    const logger = tensorBoardLogger(folder, { recipe: { lr: 1 } });
    await logger.onFitStart?.(someFit({ epoch: 2 }));
    await logger.onFitEnd?.([]);
    const [events = []] = eventsOf();
    expect(valuesOf(events, "recipe")).toHaveLength(1);
  });

  it("replaces all that its folder holds where training begins", async () => {
    await wholeTraining({ recipe: { lr: 1 } }, [someRecord(1)]);
    await wholeTraining({ recipe: { lr: 2 } }, [someRecord(1)]);
    const [, [start] = [], ...more] = eventsOf();
    expect(more).toEqual([]);
    expect(start && [number(start, 2), number(message(start, 7), 1)]).toEqual([0, 1]);
    expect(eventsOf().map((events) => valuesOf(events, "recipe").length)).toEqual([1, 1]);
  });

  it("wants a whole number of steps", () => {
    expect(() => tensorBoardLogger(folder, { everySteps: 0 })).toThrow(ArgumentError);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("the confusion matrix", () => {
  it("is drawn after every epoch that takes long enough", async () => {
    const long = { seconds: 1e6 };
    await wholeTraining({}, [someRecord(1, long), someRecord(2, long)]);
    const [events = []] = eventsOf();
    const drawn = images(events, "confusion_matrix");
    expect(drawn.map(({ step }) => step)).toEqual([4, 8]);
    const { width = 0, height = 0 } = await sharp(drawn[0]?.png).metadata();
    expect(Math.min(width, height)).toBeGreaterThan(200);
  });

  it("is drawn of the last epoch alone where epochs are short", async () => {
    const short = { seconds: 0.5 };
    await wholeTraining({}, [someRecord(1, short), someRecord(2, short), someRecord(3, short)]);
    const [events = []] = eventsOf();
    expect(images(events, "confusion_matrix").map(({ step }) => step)).toEqual([12]);
  });

  it("is that of the averaged weights, where there are such", async () => {
    const drawing = async (evaluated: Evaluation, average?: Evaluation) => {
      rmSync(folder, { recursive: true, force: true });
      const logger = tensorBoardLogger(folder);
      await logger.onFitStart?.(someFit());
      await logger.onTrainEpochEnd?.(someRecord(1), evaluated, average);
      await logger.onFitEnd?.([someRecord(1)]);
      return images(eventsOf()[0] ?? [], "confusion_matrix")[0]?.png;
    };
    const other = evaluationOf([
      [1, 3],
      [2, 2],
    ]);
    const averaged = await drawing(evaluation, other);
    expect(averaged).toEqual(await drawing(other));
    expect(averaged).not.toEqual(await drawing(evaluation));
  });

  it("is not drawn with more than 100 classes", async () => {
    const names = Array.from({ length: 101 }, (_, i) => `class ${i}`);
    const many = evaluationOf(
      names.map(() => names.map(() => 1)),
      names,
    );
    const logger = tensorBoardLogger(folder);
    await logger.onFitStart?.(someFit());
    await logger.onTrainEpochEnd?.(someRecord(1, { seconds: 1e6 }), many);
    await logger.onFitEnd?.([someRecord(1)]);
    const [events = []] = eventsOf();
    expect(curve(events, "epoch")).toEqual([[0, 1]]);
    expect(images(events, "confusion_matrix")).toEqual([]);
  });
});
