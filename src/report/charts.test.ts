import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { TopLevelSpec } from "vega-lite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ArgumentError } from "../errors.js";
import { calibration } from "../train/calibration.js";
import type { EpochRecord, Scores } from "../train/epoch.js";
import { LabelledProbabilities } from "../train/labelled-probabilities.js";
import { ConfusionMatrix } from "../train/metrics.js";
import { confusionChart } from "./confusion.js";
import { curvePanels, curves } from "./curves.js";
import { reliabilityChart } from "./reliability.js";
import { renderSvg, writeChart } from "./render.js";
import { colors } from "./theme.js";

// Vega and Vega-Lite warn of what they do not understand in a specification.
const warn = vi.spyOn(console, "warn");
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => expect(warn).not.toHaveBeenCalled());

describe("curves", () => {
  it("names axes and lines, and says what the best epoch reached", async () => {
    const texts = await textsOf(curves([record(1, 0.5, 0.9), record(2, 0.75, 0.6), record(3, 0.7, 0.7)]));
    expect(texts).toEqual(
      expect.arrayContaining(["Loss", "Mean loss per image", "Accuracy", "Images classified correctly"]),
    );
    expect(texts.filter((text) => text === "Epoch")).toHaveLength(2);
    expect(texts.filter((text) => text === "training")).toHaveLength(2);
    expect(texts.filter((text) => text === "validation")).toHaveLength(2);
    expect(texts).toContain("Validation at the best epoch, 2: 0.600");
    expect(texts).toContain("Validation at the best epoch, 2: 75.0 %");
    expect(texts).not.toContain("validation, balanced");
    expect(texts).toEqual(expect.arrayContaining(["1", "2", "3", "75 %"]));
  });

  it("draws the balanced accuracy where it tells something else", async () => {
    const other = record(1, 0.5, 0.9);
    other.validation.accuracy = 0.7;
    const texts = await textsOf(curves([other]));
    expect(texts).toContain("validation, balanced");
    expect(texts).toContain("Validation at the best epoch, 1: 70.0 %, balanced 50.0 %");
  });

  it("marks the epoch that is best by the metric", async () => {
    const records = [record(1, 0.5, 0.9), record(2, 0.75, 0.7), record(3, 0.7, 0.6)];
    expect(await textsOf(curves(records))).toContain("Validation at the best epoch, 2: 0.700");
    const texts = await textsOf(curves(records, "loss"));
    expect(texts).toContain("Validation at the best epoch, 3: 0.600");
    expect(texts).toContain("Validation at the best epoch, 3: 70.0 %");
    // The rings: loss 0.6 of 0.3 … 0.9 on 240 pixels, and accuracy 70 % of 50 … 75 %.
    expect(await rings(curves(records, "loss"))).toEqual([
      [340, 120, colors.validation],
      [340, 48, colors.validation],
    ]);
  });

  it("gives a metric that is neither loss nor accuracy a panel", async () => {
    const records = [record(1, 0.5, 0.9), record(2, 0.75, 0.7), record(3, 0.7, 0.6)];
    records.forEach(({ validation }, i) => {
      validation.rocAuc = [0.875, 0.9, 0.95][i] ?? 0;
    });
    const texts = await textsOf(curves(records, "rocAuc"));
    expect(texts).toContain("ROC-AUC");
    expect(texts).toContain("Validation at the best epoch, 3: 0.9500");
    expect(texts.filter((text) => text === "training")).toHaveLength(2);
    expect(texts.filter((text) => text === "validation")).toHaveLength(3);
    expect(curvePanels(records, "rocAuc")).toHaveLength(3);
    expect(curvePanels(records)).toHaveLength(2);
    const [, accuracy = curves(records)] = curvePanels(records, "rocAuc");
    expect(await textsOf(accuracy)).toContain("Validation at the best epoch, 3: 70.0 %");
  });

  it("judges averaged weights where they are kept, and draws them beside the others", async () => {
    const records = [record(1, 0.5, 0.9), record(2, 0.8, 0.6), record(3, 0.7, 0.7)];
    const [, second, third] = records;
    if (second) second.average = scores(0.6, 0.8);
    if (third) third.average = scores(0.75, 0.7);
    const texts = await textsOf(curves(records));
    expect(texts.filter((text) => text === "averaged weights")).toHaveLength(2);
    expect(texts.filter((text) => text === "validation")).toHaveLength(2);
    expect(texts).toContain("Averaged weights at the best epoch, 3: 75.0 %");
    expect((await rings(curves(records))).map(([x, , color]) => [x, color])).toEqual([
      [340, colors.average],
      [340, colors.average],
    ]);

    // The second epoch is the best now, and has no average yet: what was kept is validation's.
    delete second?.average;
    const late = await textsOf(curves(records));
    expect(late).toContain("Validation at the best epoch, 2: 80.0 %");
    expect(late).not.toContain("balanced");

    const different = { ...scores(0.75, 0.7), balancedAccuracy: 0.5 };
    const mixed = await textsOf(curves([{ ...record(1, 0.5, 0.9), average: different }]));
    expect(mixed).toContain("balanced");
    expect(mixed).toContain("Averaged weights at the best epoch, 1: 75.0 %, balanced 50.0 %");
  });

  it("draws a run that diverged as far as it went", async () => {
    const diverged = record(2, Number.NaN, Number.NaN);
    diverged.train.loss = Number.POSITIVE_INFINITY;
    const svg = await renderSvg(curves([record(1, 0.5, 0.9), diverged, record(3, 0.4, 1)]));
    expect(svg).toContain("best epoch, 1: 0.900");
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(await renderSvg(curves([diverged]))).not.toMatch(/d="[^"]*NaN/);
  });

  it("needs an epoch", () => {
    expect(() => curves([])).toThrow(ArgumentError);
  });
});

describe("confusionChart", () => {
  const matrix = ConfusionMatrix.fromCounts(
    ["tumor", "stromal", "none"],
    [
      [1200, 300, 0],
      [1, 3, 0],
      [0, 0, 0],
    ],
  );

  it("holds counts and shares of the true class", async () => {
    const texts = await textsOf(confusionChart(matrix));
    expect(texts).toEqual(expect.arrayContaining(["Predicted class", "True class", "tumor", "stromal", "none"]));
    expect(texts).toEqual(expect.arrayContaining(["1,200", "80.0 %", "300", "20.0 %", "25.0 %", "75.0 %"]));
    expect(texts).toContain("1,504 images, accuracy 80.0 %, balanced 77.5 %");
    // Two rows of three shares: the class that does not occur has none.
    expect(texts.filter((text) => /^[\d.]+ %$/.test(text))).toHaveLength(6);
  });

  it("has the true class on y: its rows are in the order of the classes from the top", () => {
    const spec = JSON.parse(JSON.stringify(confusionChart(matrix)));
    expect(spec.layer[0].encoding.y).toMatchObject({ field: "truth", scale: { domain: ["tumor", "stromal", "none"] } });
    expect(spec.layer[0].encoding.x).toMatchObject({ field: "predicted", axis: { orient: "top" } });
    expect(spec.data.values[1]).toEqual({
      truth: "tumor",
      predicted: "stromal",
      count: "300",
      share: 0.2,
      percent: "20.0 %",
    });
  });

  it("replaces what an SVG cannot hold", async () => {
    const svg = await renderSvg(confusionChart(new ConfusionMatrix(["a\u0000b<", "c\u001b"])));
    expect(svg).toContain(">a\ufffdb&lt;<");
    expect([svg.includes("\0"), svg.includes("\u001b")]).toEqual([false, false]);
  });

  it("cuts off what is too long for an axis, and keeps no room for it", async () => {
    const named = (name: string) => renderSvg(confusionChart(new ConfusionMatrix([name, "b"])));
    const widthOf = (svg: string) => Number(/ width="([\d.]+)"/.exec(svg)?.[1]);
    const svg = await named("long ".repeat(400));
    expect(svg).toMatch(/>long long [^<]*…</);
    expect(widthOf(svg)).toBeGreaterThan(widthOf(await named("a")));
    // The two cells, what a label may take on either side of them, and the space around.
    expect(widthOf(svg)).toBeLessThan(2 * 84 + 2 * 160 + 100);
  });

  it("tells by a legend what many classes have no room for", async () => {
    const names = Array.from({ length: 30 }, (_, i) => `class ${i}`);
    const texts = await textsOf(confusionChart(new ConfusionMatrix(names)));
    expect(texts).toContain("Share of true class");
    expect(texts).toContain("0 images, accuracy –, balanced –");
    expect(texts).toContain("class 29");
  });
});

describe("reliabilityChart", () => {
  // Two bins: confidence 0.625 and all right, confidence 0.875 and a quarter right.
  const probabilities = Float32Array.of(0.625, 0.375, 0.875, 0.125, 0.875, 0.125, 0.875, 0.125, 0.875, 0.125);
  const chart = reliabilityChart(calibration(new LabelledProbabilities(probabilities, [0, 0, 1, 1, 1], 2)));

  it("says the calibration error, and names axes and colours", async () => {
    const texts = await textsOf(chart);
    expect(texts).toContain("5 images, calibration error 57.50 %, at most 62.50 % in a bin");
    expect(texts).toEqual(
      expect.arrayContaining([
        "Reliability",
        "Images classified correctly",
        "Confidence: probability of the predicted class",
        "Images",
        "accuracy",
        "confidence beyond accuracy",
        "accuracy beyond confidence",
      ]),
    );
  });

  it("draws the bins that have images, from 0 to their accuracy, and on to their confidence", async () => {
    const bars = (await renderSvg(chart)).matchAll(
      /-roledescription="bar" d="M[\d.]+,([\d.]+)h[\d.]+v([\d.]+)h.*?" fill="(.*?)"/g,
    );
    const drawn = [...bars].map(([, top, height, fill]) => [fill, Number(top) / 340, Number(height) / 340]);
    const places = (color: string) => drawn.flatMap(([fill, ...place]) => (fill === color ? [place] : []));
    // From the top: where a bar begins, and how high it is.
    expect(places(colors.validation)).toEqual([
      [0, 1],
      [0.75, 0.25],
    ]);
    expect(places(colors.train)).toEqual([[0.125, 0.625]]);
    expect(places(colors.right)).toEqual([[0, 0.375]]);
  });
});

describe("writeChart", () => {
  it("writes the SVG and a PNG of twice its size", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fovea-charts-"));
    try {
      const base = join(folder, "charts", "curves");
      expect(await writeChart(curves([record(1, 0.5, 0.9)]), base)).toEqual([`${base}.svg`, `${base}.png`]);
      const svg = readFileSync(`${base}.svg`, "utf8");
      const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? [];
      const meta = await sharp(`${base}.png`).metadata();
      expect([meta.format, meta.width, meta.height]).toEqual(["png", 2 * Number(width), 2 * Number(height)]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function textsOf(spec: TopLevelSpec): Promise<string[]> {
  const svg = await renderSvg(spec);
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = ""]) => text);
}

/** Where the best epoch's rings are, and their colours. */
async function rings(spec: TopLevelSpec): Promise<[number, number, string][]> {
  const found = (await renderSvg(spec)).matchAll(
    /transform="translate\(([\d.]+),([\d.]+)\)"[^>]* fill="#ffffff" stroke="(#\w+)"/g,
  );
  return [...found].map(([, x, y, color = ""]) => [Math.round(Number(x)), Math.round(Number(y)), color]);
}

function scores(accuracy: number, loss: number): Scores {
  return {
    loss,
    accuracy,
    balancedAccuracy: accuracy,
    macroF1: accuracy,
    top5Accuracy: 1,
    rocAuc: Number.NaN,
    calibrationError: 0.1,
  };
}

function record(epoch: number, accuracy: number, loss: number): EpochRecord {
  return {
    epoch,
    train: { loss: loss / 2, accuracy },
    validation: scores(accuracy, loss),
    learningRate: 0.001,
    seconds: 1,
    imagesPerSecond: 100,
  };
}
