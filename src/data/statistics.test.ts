import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../errors.js";
import { Random } from "../random.js";
import { FileSet, ImageSet } from "./image-set.js";
import { openCifar } from "./sources/cifar.js";
import { datasetStatistics } from "./statistics.js";

/** Images of sizes 1x1 to 5x7 with random pixels. */
function varied(): ImageSet {
  const random = new Random("statistics test");
  const sizes = Uint32Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 1 + random.below(5) : 1 + random.below(7)));
  let bytes = 0;
  for (let i = 0; i < sizes.length; i += 2) bytes += 3 * (sizes[i] ?? 0) * (sizes[i + 1] ?? 0);
  return new ImageSet({
    name: "varied",
    classes: ["a", "b", "c"],
    labels: [0, 1, 1, 0, 1, -1, 1, 0, 1, 1],
    names: Array.from({ length: 10 }, (_, i) => `${i}.png`),
    sizes,
    pixels: Uint8Array.from({ length: bytes }, () => random.below(256)),
  });
}

describe("statistics", () => {
  it("are those of the two-pass formula in double precision, over all pixels", async () => {
    const set = varied();
    const { mean, std, images, classCounts, width, height, problems } = await datasetStatistics(set);
    for (let c = 0; c < 3; c++) {
      const values = [...set.pixels].filter((_, i) => i % 3 === c).map((value) => value / 255);
      const average = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length;
      expect(mean[c]).toBeCloseTo(average, 13);
      expect(std[c]).toBeCloseTo(Math.sqrt(variance), 13);
    }
    expect([images, classCounts, problems]).toEqual([10, [3, 6, 0], []]);
    const sides = Array.from({ length: 10 }, (_, i) => set.image(i));
    for (const [range, values] of [
      [width, sides.map((image) => image.width)],
      [height, sides.map((image) => image.height)],
    ] as const) {
      const sorted = [...values].sort((a, b) => a - b);
      const median = ((sorted[4] ?? 0) + (sorted[5] ?? 0)) / 2;
      expect(range).toEqual({ min: sorted[0], median, max: sorted[9] });
    }
  });

  it("do not lose precision where pixels hardly differ", async () => {
    const pixels = new Uint8Array(3 * 1000 * 1000).fill(250);
    pixels[0] = 251;
    const one = new ImageSet({
      ...{ name: "flat", classes: ["a"], labels: [0], names: ["x"] },
      ...{ sizes: { width: 1000, height: 1000 }, pixels },
    });
    const { std } = await datasetStatistics(one);
    // Of a value 1 among n - 1 zeros: sqrt(n - 1) / n.
    expect(std[0] * 255).toBeCloseTo(Math.sqrt(1e6 - 1) / 1e6, 15);
    expect(std[1]).toBe(0);
  });

  it("may look at a part of the images, the same each time", async () => {
    const seen: [number, number][] = [];
    const limited = await datasetStatistics(varied(), { limit: 4, onProgress: (...step) => seen.push(step) });
    expect(limited.images).toBe(4);
    expect(limited.classCounts).toEqual([3, 6, 0]);
    expect(seen).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
    expect(await datasetStatistics(varied(), { limit: 4 })).toEqual(limited);
    expect((await datasetStatistics(varied(), { limit: 100 })).images).toBe(10);
    const empty = varied().subset([]);
    await expect(datasetStatistics(empty)).rejects.toThrow(ArgumentError);
    await expect(datasetStatistics(varied(), { limit: 0 })).rejects.toThrow(/no images to measure/);
    await expect(datasetStatistics(varied(), { limit: -1 })).rejects.toThrow(ArgumentError);
  });
});

describe("statistics of files", () => {
  let folder = "";
  let files: FileSet;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "fovea-statistics-"));
    const set = varied();
    const paths = set.names.map((name) => join(folder, name));
    for (const [i, path] of paths.entries()) {
      const { width, height, pixels } = set.image(i);
      await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(path);
    }
    const { name, classes, labels, names } = set;
    files = new FileSet({ name, classes, labels, names, paths });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("are those of the same images in memory", async () => {
    expect(await datasetStatistics(files)).toEqual(await datasetStatistics(varied()));
  });

  it("stop at the first unreadable image in order and name it, or leave it out and list it", async () => {
    truncateSync(files.pathOf(3), 40);
    writeFileSync(files.pathOf(7), "no picture");
    const failure = datasetStatistics(files);
    await expect(failure).rejects.toThrow(FileError);
    await expect(failure).rejects.toMatchObject({ path: files.pathOf(3) });
    const { images, problems, ...rest } = await datasetStatistics(files, { onUnreadable: "skip" });
    expect(images).toBe(8);
    expect(problems.map(({ path }) => path)).toEqual(["3.png", "7.png"]);
    expect(problems[1]?.reason).toMatch(/^is not a readable image \(/);
    const kept = await datasetStatistics(varied().subset([0, 1, 2, 4, 5, 6, 8, 9]));
    expect([rest.mean, rest.std, rest.width]).toEqual([kept.mean, kept.std, kept.width]);
  });
});

const cifar = join(import.meta.dirname, "../../../shared/data/cifar10/cifar-10-batches-bin");
const batches = existsSync(cifar) ? readdirSync(cifar).filter((name) => name.startsWith("data_batch_")) : [];

describe("CIFAR-10's training images (skipped where they are not there)", () => {
  it.skipIf(batches.join() !== "data_batch_1.bin")(
    "have the statistics that NumPy gives in double precision",
    async () => {
      const { mean, std, images } = await datasetStatistics(openCifar(cifar, "cifar10", "train"));
      expect(images).toBe(10_000);
      // numpy.fromfile(path, "u1").reshape(-1, 3073)[:, 1:] by channel, / 255: mean and std, of the first batch.
      const expected = [
        [0.49148917547487697, 0.48178219554227947, 0.44647204159007386],
        [0.24701756822235624, 0.2435506529768321, 0.26167945150262056],
      ];
      for (let c = 0; c < 3; c++) {
        expect(mean[c]).toBeCloseTo(expected[0]?.[c] ?? 0, 12);
        expect(std[c]).toBeCloseTo(expected[1]?.[c] ?? 0, 12);
      }
    },
  );

  it.skipIf(batches.length !== 5)("have the published statistics", async () => {
    const { mean, std } = await datasetStatistics(openCifar(cifar, "cifar10", "train"));
    for (const [c, value] of [0.49139968, 0.48215841, 0.44653091].entries()) expect(mean[c]).toBeCloseTo(value, 8);
    for (const [c, value] of [0.24703223, 0.24348513, 0.26158784].entries()) expect(std[c]).toBeCloseTo(value, 8);
  });
});
