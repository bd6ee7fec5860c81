import { describe, expect, it, vi } from "vitest";
import { loaderOf, plain, TinyNet, twoColors } from "../../test/support/tiny.js";
import { FileSet, ImageSet, Loader, parsePipeline } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import { AdaptiveAvgPool2d, Conv2d, Flatten, Module, Sequential } from "../nn/index.js";
import { Random } from "../random.js";
import type { Tensor } from "../tensor/index.js";
import { device, memory, TorchTensor } from "../tensor/torch/index.js";
import { evaluate, predict } from "./evaluate.js";

/** Its logits are the mean red, green and blue of an image, as the loader normalised them. */
class MeanColor extends Module {
  forward(x: Tensor): Tensor {
    return x.mean([2, 3]);
  }
}

/** Images of one colour each, in which red, green and blue stand for the logits of three classes. */
function colors(rows: readonly (readonly [number, number, number])[], labels: readonly number[], side = 2): ImageSet {
  return new ImageSet({
    name: "colours",
    classes: ["a", "b", "c"],
    sizes: { width: side, height: side },
    pixels: Uint8Array.from(rows.flatMap((row) => Array.from({ length: side * side }, () => row).flat())),
    labels: Int32Array.from(labels),
    names: rows.map((_, i) => `colours/${i}`),
  });
}

const rows = [
  [200, 100, 50],
  [30, 250, 20],
  [90, 80, 70],
  [10, 20, 240],
  [120, 130, 110],
] as const;
const labels = [0, 1, 2, 2, 0];

/** In double precision, by the definition. */
function expected(scale: number): { loss: number; probabilities: number[] } {
  let loss = 0;
  const probabilities = rows.flatMap((row, i) => {
    const logits = row.map((value) => (value / 255) * scale);
    const most = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
    const logs = logits.map((logit) => logit - most - Math.log(sum));
    loss -= (logs[labels[i] ?? 0] ?? 0) / rows.length;
    return logs.map(Math.exp);
  });
  return { loss, probabilities };
}

const normalized = (mean: readonly number[], std: number) =>
  parsePipeline([{ name: "normalize", mean: [...mean], std: [std, std, std] }]);

function scaled(
  images: ImageSet,
  scale: number,
  options: { layout?: "nchw" | "nhwc"; batchSize?: number } = {},
): Loader {
  return new Loader(images, { batchSize: 2, transforms: normalized([0, 0, 0], 1 / scale), workers: 0, ...options });
}

describe("evaluate", () => {
  it("gives loss, matrix and probabilities as computed by hand", async () => {
    const progress = vi.fn();
    const loader = scaled(colors(rows, labels), 5);
    const { loss, matrix, probabilities, indices } = await evaluate(new MeanColor(), loader, { onBatch: progress });
    const wanted = expected(5);
    expect(loss).toBeCloseTo(wanted.loss, 5);
    expect(probabilities.length).toBe(15);
    expect([...indices]).toEqual([0, 1, 2, 3, 4]);
    for (const [i, value] of probabilities.entries()) expect(value).toBeCloseTo(wanted.probabilities[i] ?? -1, 6);
    expect(matrix.counts).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [1, 0, 1],
    ]);
    expect(progress.mock.calls).toEqual([[2], [4], [5]]);
  });

  it("measures the loss of what is certain and wrong, where float32 has no probability left", async () => {
    const { loss, probabilities } = await evaluate(new MeanColor(), scaled(colors(rows, labels), 5000));
    expect(Math.min(...probabilities)).toBe(0);
    expect(loss / expected(5000).loss).toBeCloseTo(1, 5);
    expect(loss).toBeGreaterThan(100);
  });

  it("does not depend on the layout, even for images of 3x3 pixels, nor on the batches", async () => {
    const random = new Random("noise");
    const noise = Uint8Array.from({ length: 4 * 27 }, () => random.below(256));
    const sizes = { width: 3, height: 3 };
    const set = new ImageSet({ ...colors([...rows].slice(0, 4), labels.slice(0, 4), 3), sizes, pixels: noise });
    const { probabilities: first } = await predict(new MeanColor(), scaled(set, 5, { layout: "nchw" }));
    for (const batchSize of [1, 3, 4]) {
      const other = await predict(new MeanColor(), scaled(set, 5, { layout: "nhwc", batchSize }));
      for (const [i, value] of other.probabilities.entries()) expect(value).toBeCloseTo(first[i] ?? -1, 6);
    }
  });

  it("gives a network of one channel one channel, whatever the layout", async () => {
    const grey = colors(
      rows.map(([red]) => [red, red, red]),
      labels,
      3,
    );
    const convolution = new Conv2d(1, 3, 3, { bias: false });
    const network = new Sequential(convolution, new AdaptiveAvgPool2d(1), new Flatten());
    network.materialize(device(), 1);
    const one = (layout: "nchw" | "nhwc") =>
      predict(network, new Loader(grey, { batchSize: 2, transforms: plain, workers: 0, channels: 1, layout }));
    const { probabilities } = await one("nchw");
    // An image of one grey: the convolution's sum of weights times it.
    const weights = TorchTensor.of(convolution.weight).dataAs("float64");
    const loader = new Loader(grey, { batchSize: 5, transforms: plain, workers: 0 });
    for await (const { images } of loader.epoch(0)) {
      for (let i = 0; i < rows.length; i++) {
        const level = images[i * 27] ?? Number.NaN;
        const logits = [0, 1, 2].map((k) => level * weights.subarray(9 * k, 9 * k + 9).reduce((a, b) => a + b));
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        for (const [k, logit] of logits.entries()) {
          expect(probabilities[3 * i + k]).toBeCloseTo(Math.exp(logit) / sum, 5);
        }
      }
    }
    const { probabilities: last } = await one("nhwc");
    for (const [i, value] of last.entries()) expect(value).toBeCloseTo(probabilities[i] ?? -1, 6);
  });

  it("runs in evaluation mode, and restores every module's own mode", async () => {
    const model = new TinyNet().materialize(device(), 1);
    const parts = [...model.modules()].map(([, part]) => part);
    const frozen = parts[2];
    if (frozen) frozen.training = false;
    const before = parts.map(({ training }) => training);
    const loader = loaderOf(twoColors(20, "modes"));
    const means = () => Array.from(model.stateDict().get("net.1.running_mean")?.data() ?? [], Number);
    const statistics = means();
    const one = await predict(model, loader);
    expect(await predict(model, loader)).toEqual(one);
    expect(parts.map(({ training }) => training)).toEqual(before);
    expect(before).toContain(true);
    expect(means()).toEqual(statistics);

    model.eval();
    await predict(model, loader);
    expect(model.training).toBe(false);
  });

  it("restores the mode and frees its tensors after an error and an interruption", async () => {
    const model = new TinyNet(4).materialize(device(), 1);
    const before = memory().tensors;
    const loader = loaderOf(twoColors(20, "classes"));
    await expect(evaluate(model, loader)).rejects.toThrow("the network tells 4 classes apart, the images have 2");
    expect(model.training).toBe(true);
    const controller = new AbortController();
    const stopped = predict(new TinyNet().materialize(device(), 1), loader, {
      signal: controller.signal,
      onBatch: () => controller.abort("enough"),
    });
    await expect(stopped).rejects.toBe("enough");
    expect(memory().scopes).toBe(0);
    // Those of the second network, which nobody released.
    expect(memory().tensors - before).toBeLessThanOrEqual(9);
  });

  it("refuses loaders that leave images out or shuffle them", async () => {
    const images = twoColors(20, "order");
    for (const options of [{ sampler: { name: "shuffle" } }, { dropLast: true }] as const) {
      await expect(predict(new TinyNet(), loaderOf(images, options))).rejects.toThrow(ArgumentError);
    }
  });

  it("names the image for which the network's outputs are not numbers", async () => {
    class Broken extends Module {
      forward(x: Tensor): Tensor {
        return x.mean([2, 3]).log();
      }
    }
    const set = colors(
      [
        [20, 200, 100],
        [20, 200, 100],
        [200, 100, 20],
      ],
      [0, 1, 2],
    );
    // Normalised, a colour below the mean is negative: its logarithm is no number.
    const loader = new Loader(set, { batchSize: 2, transforms: normalized([0.05, 0.05, 0.1], 1) });
    await expect(evaluate(new Broken(), loader)).rejects.toMatchObject({
      code: "DIVERGED",
      message: "The network's outputs for colours/2 are not numbers.",
    });
  });

  it("leaves out images that cannot be read, where the loader skips them", async () => {
    const [missing, also] = ["nowhere/1.png", "nowhere/2.png"];
    const files = new FileSet({
      name: "files",
      classes: ["a", "b"],
      labels: [0, 1],
      names: ["1", "2"],
      paths: [missing, also],
    });
    const options = { batchSize: 1, transforms: parsePipeline([{ name: "resize", size: [4, 4] }, ...plain]) };
    const skipping = new Loader(files, { ...options, onUnreadable: "skip" });
    await expect(evaluate(new MeanColor(), skipping)).rejects.toMatchObject({ code: "FILE" });
    await expect(evaluate(new MeanColor(), new Loader(files, options))).rejects.toThrow(missing);
  });

  it("predicts unlabelled images", async () => {
    const sizes = { width: 2, height: 2 };
    const set = new ImageSet({ ...colors(rows, labels), sizes, classes: [], labels: new Int32Array(5).fill(-1) });
    const { probabilities } = await predict(new MeanColor(), new Loader(set, { batchSize: 3, transforms: plain }));
    expect(probabilities.length).toBe(15);
    for (let i = 0; i < 5; i++) {
      expect(probabilities.subarray(3 * i, 3 * i + 3).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
  });
});
