import { stripVTControlCharacters } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { someStep } from "../../test/support/fit.js";
import { someScores } from "../../test/support/tiny.js";
import type { EpochRecord } from "../train/index.js";
import { ConfusionMatrix } from "../train/metrics.js";
import { downloadBar, progressBar, trainingProgress } from "./progress.js";

describe("progress", () => {
  const step = someStep(5, { epoch: 2, step: 1, steps: 4, loss: 0.5, accuracy: 0.75, learningRate: 0.1, images: 10 });
  const record: EpochRecord = {
    epoch: 2,
    train: { loss: 0.51234, accuracy: 0.75 },
    validation: someScores({ loss: 1, accuracy: 0.5, balancedAccuracy: 0.25 }),
    learningRate: 0.1,
    seconds: 61,
    imagesPerSecond: 123.4,
  };
  const evaluation = {
    loss: 1,
    matrix: new ConfusionMatrix(["a"]),
    probabilities: new Float32Array(0),
    indices: new Uint32Array(0),
    labels: new Int32Array(0),
  };
  const terminal = { isTTY: process.stdout.isTTY, columns: process.stdout.columns };

  afterEach(() => {
    vi.restoreAllMocks();
    Object.assign(process.stdout, terminal);
  });

  /** What an epoch prints to a terminal of so many columns, or to a pipe. */
  async function epoch(columns: number | undefined): Promise<{ written: string; lines: string[] }> {
    Object.assign(process.stdout, { isTTY: columns !== undefined, columns });
    const written: string[] = [];
    const lines: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    vi.spyOn(console, "log").mockImplementation((line) => void lines.push(stripVTControlCharacters(String(line))));
    const before = process.listenerCount("exit");
    const progress = trainingProgress();
    try {
      await progress.onTrainEpochStart?.(2, 10);
      await progress.onTrainBatchEnd?.({ ...step, imagesPerSecond: 10 });
      await progress.onTrainBatchEnd?.({ ...step, step: 4, images: 40, imagesPerSecond: 10 });
      await progress.onValidationStart?.(2);
      await progress.onTrainEpochEnd?.(record, evaluation);
    } finally {
      progress.close();
    }
    expect(process.listenerCount("exit")).toBe(before);
    return { written: written.join(""), lines };
  }

  it("is a plain line for each epoch in a pipe", async () => {
    expect(await epoch(undefined)).toEqual({
      written: "",
      lines: [
        "epoch  2/10 | train loss 0.5123 acc 75.0 % | validation loss 1.0000 acc 50.0 % balanced 25.0 % | 123 images/s | 1m 1s",
      ],
    });
  });

  it("is a bar with rate and time left on a terminal, which is gone afterwards", async () => {
    const { written, lines } = await epoch(160);
    expect(written).toContain("epoch 2/10 ██████░░░░░░░░░░░░░░░░░░ 1/4  loss 0.5000  acc 75.0 %  10 images/s  3s left");
    expect(written).toContain("████ 4/4  ");
    expect(written.split("\u001b[?25l")).toHaveLength(2);
    // At the end the cursor is back, lines wrap, and the line is clear.
    expect(written.slice(written.lastIndexOf("left"))).toMatch(/\[\?25h.*\[\?7h.*\[2K$/s);
    expect(lines[0]).toContain("| validation loss 1.0000");
  });

  it("fits 80 columns", async () => {
    const { written, lines } = await epoch(80);
    for (const part of written.split("\u001b"))
      expect(part.replace(/^\[[?\d]*[A-Za-z]/, "").length).toBeLessThanOrEqual(80);
    expect(written).toContain("3s left");
    expect(lines).toEqual(["epoch  2/10 | train 0.5123 75.0 % | val 1.0000 50.0 % balanced 25.0 % | 1m 1s"]);
  });

  it("draws nothing more once it is closed", async () => {
    Object.assign(process.stdout, { isTTY: true, columns: 80 });
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const progress = trainingProgress();
    progress.close();
    await progress.onTrainBatchEnd?.({ ...step, imagesPerSecond: 10 });
    expect(write).not.toHaveBeenCalled();
  });

  it("leaves no handlers and no timer behind when a bar stops", () => {
    Object.assign(process.stdout, { isTTY: true, columns: 80 });
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const handlers = () => ["SIGINT", "SIGTERM", "exit"].map((name) => process.listenerCount(name));
    const before = handlers();
    const bar = progressBar("reading");
    bar.stop();
    bar.update(1, 10);
    expect(handlers()).toEqual(before.map((count) => count + 1));
    bar.update(2, 10);
    bar.stop();
    bar.stop();
    expect(handlers()).toEqual(before);
  });

  it("draws a bar for each thing that has a length of its own", () => {
    Object.assign(process.stdout, { isTTY: true, columns: 80 });
    let written = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written += text;
      return true;
    });
    const before = process.listenerCount("exit");
    const bar = progressBar("reading");
    for (const total of [10, 4]) {
      for (let done = 1; done <= total; done++) bar.update(done, total);
      expect(process.listenerCount("exit")).toBe(before);
    }
    expect(written).toMatch(/reading .* 1\/10[\s\S]*reading .* 1\/4/);
    const downloading = downloadBar("cifar10");
    downloading.update(2.5 * 2 ** 20, 162.2 * 2 ** 20);
    downloading.stop();
    expect(written).toContain("downloading cifar10 (MiB)");
    expect(written).toMatch(/ 3\/163/);
  });
});
