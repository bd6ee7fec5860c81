import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { augmentedSamples } from "./augmented.js";
import { ImageSet } from "./image-set.js";
import { Loader } from "./loader.js";
import { drawOps, parsePipeline } from "./transforms/index.js";

const [count, side] = [5, 12];
const set = new ImageSet({
  name: "squares",
  classes: ["a"],
  labels: new Int32Array(count),
  names: Array.from({ length: count }, (_, i) => String(i)),
  sizes: { width: side, height: side },
  pixels: Uint8Array.from({ length: count * side * side * 3 }, (_, i) => (i * 7919) % 251),
});
const normalize = { name: "normalize", mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };

describe("augmentedSamples", () => {
  it("are what a loader gives for the same image in each epoch, whatever else is shown", async () => {
    const transforms = parsePipeline([
      { name: "randomResizedCrop", size: 8 },
      { name: "randomHorizontalFlip" },
      { name: "colorJitter", brightness: 0.3 },
      normalize,
      { name: "randomErasing", p: 1, value: 0 },
    ]);
    const samples = await augmentedSamples(set, [3, 1], { transforms, seed: 9, epochs: 3 });
    expect(samples.map(({ index }) => index)).toEqual([3, 1]);
    const loader = new Loader(set, { batchSize: count, transforms, seed: 9, layout: "nhwc", workers: 0 });
    for (let epoch = 0; epoch < 3; epoch++) {
      for await (const { images } of loader.epoch(epoch)) {
        for (const { index, versions } of samples) {
          const shown = versions[epoch]?.image;
          expect([shown?.width, shown?.height]).toEqual([8, 8]);
          const values = images.subarray(index * 192, (index + 1) * 192);
          for (const [i, value] of values.entries()) {
            const level = 255 * (value * (normalize.std[i % 3] ?? 1) + (normalize.mean[i % 3] ?? 0));
            expect(Math.abs((shown?.pixels[i] ?? -9) - level)).toBeLessThanOrEqual(0.501);
          }
        }
      }
    }
    const [first] = samples;
    expect(first?.versions.map(({ ops }) => ops)).toEqual([0, 1, 2].map((e) => drawOps(transforms, [9, e, 3, 0])));
    expect(new Set(first?.versions.map(({ image }) => image.pixels.join())).size).toBe(3);
  });

  it("are beside the image as it is, with or without normalisation", async () => {
    for (const transforms of [
      [{ name: "randomHorizontalFlip", p: 1 }],
      [{ name: "randomHorizontalFlip", p: 1 }, normalize],
    ]) {
      const [sample] = await augmentedSamples(set, [2], { transforms: parsePipeline(transforms), seed: 0, epochs: 1 });
      const original = set.image(2);
      expect(sample?.original).toEqual(original);
      const flipped = new Uint8Array(original.pixels.length);
      for (let p = 0; p < side * side; p++) {
        const from = 3 * (p - (p % side) + side - 1 - (p % side));
        flipped.set(original.pixels.subarray(from, from + 3), 3 * p);
      }
      expect(sample?.versions[0]?.image).toEqual({ width: side, height: side, pixels: flipped });
    }
  });

  it("are the images alone where no epoch is asked for", async () => {
    const samples = await augmentedSamples(set, [0], { transforms: [], seed: 0, epochs: 0 });
    expect(samples).toEqual([{ index: 0, original: set.image(0), versions: [] }]);
  });

  it("need transforms that give one size, and images that there are", async () => {
    const mixed = new ImageSet({
      name: "mixed",
      classes: [],
      labels: [-1, -1],
      names: ["0", "1"],
      sizes: Uint32Array.of(1, 2, 2, 1),
      pixels: new Uint8Array(12),
    });
    const options = { transforms: [], seed: 0, epochs: 1 };
    await expect(augmentedSamples(mixed, [0], options)).rejects.toThrow(/do not give images one size/);
    await expect(augmentedSamples(set, [count], options)).rejects.toThrow(ArgumentError);
  });
});
