import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, FileError } from "../errors.js";
import { Random } from "../random.js";
import type { Batch, SkippedImage } from "./batch.js";
import { FileSet, ImageSet } from "./image-set.js";
import { Loader, type LoaderOptions } from "./loader.js";
import { parsePipeline } from "./transforms/index.js";

const SIDE = 6;
const SIZE = 23;
const random = new Random("loader");
const set = new ImageSet({
  name: "some",
  classes: ["a", "b", "c"],
  sizes: { width: SIDE, height: SIDE },
  pixels: Uint8Array.from({ length: SIZE * SIDE * SIDE * 3 }, () => random.below(256)),
  labels: Int32Array.from({ length: SIZE }, () => random.below(3)),
  names: Array.from({ length: SIZE }, (_, i) => `${i}`),
});
const normalize = { name: "normalize", mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.1] } as const;
const plain = parsePipeline([normalize]);
const augmented = parsePipeline([
  { name: "randomHorizontalFlip" },
  { name: "randomResizedCrop", size: 5, scale: [0.3, 1] },
  { name: "colorJitter", brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
  { name: "randAugment" },
  normalize,
  { name: "randomErasing", value: "random" },
]);
const mix = { mixup: 0.4, cutmix: 1, probability: 0.8, switchProbability: 0.5 };

const loaderOf = (options: Partial<LoaderOptions> = {}, of: ImageSet | FileSet = set): Loader =>
  new Loader(of, { batchSize: 5, transforms: plain, workers: 1, ...options });

async function all(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const found: Batch[] = [];
  for await (const batch of batches) found.push(batch);
  return found;
}

const indicesOf = async (batches: AsyncIterable<Batch>): Promise<number[]> =>
  (await all(batches)).flatMap(({ indices }) => [...indices]);

/** What a stream of batches is, to the bit, wherever it was divided. */
function hashOf(batches: readonly Batch[]): string {
  const hash = createHash("sha256");
  for (const part of ["images", "labels", "targets", "indices"] as const) {
    for (const batch of batches) {
      const values = batch[part];
      if (values) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.digest("hex");
}

describe("Loader", () => {
  it("gives every image once, in order, and the last batch what is left", async () => {
    const batches = await all(loaderOf().epoch(0));
    expect(batches).toHaveLength(loaderOf().batches);
    expect(batches.map(({ shape }) => shape)).toEqual([5, 5, 5, 5, 3].map((n) => [n, 3, SIDE, SIDE]));
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual([...set.labels.keys()]);
    for (const { labels, indices, targets } of batches) {
      expect([...labels]).toEqual([...indices].map((index) => BigInt(set.labels[index] ?? -9)));
      expect(targets).toBeUndefined();
    }
  });

  it("normalises, channels first or last", async () => {
    const [first] = await all(loaderOf().epoch(0));
    const [last] = await all(loaderOf({ layout: "nhwc" }).epoch(0));
    expect(last?.shape).toEqual([5, SIDE, SIDE, 3]);
    for (let n = 0; n < 5; n++) {
      const { pixels } = set.image(n);
      for (let p = 0; p < SIDE * SIDE; p++) {
        for (let c = 0; c < 3; c++) {
          const exact = ((pixels[3 * p + c] ?? 0) / 255 - (normalize.mean[c] ?? 0)) / (normalize.std[c] ?? 1);
          expect(first?.images[(n * 3 + c) * SIDE * SIDE + p]).toBeCloseTo(exact, 5);
          expect(last?.images[(n * SIDE * SIDE + p) * 3 + c]).toBeCloseTo(exact, 5);
        }
      }
    }
  });

  it("drops a last batch that is not full when asked to", async () => {
    const loader = loaderOf({ dropLast: true });
    expect(loader.batches).toBe(4);
    expect(await indicesOf(loader.epoch(0))).toHaveLength(20);
  });

  it("gives other changes in each epoch, and for each repetition of an image", async () => {
    const loader = loaderOf({ transforms: augmented, sampler: { name: "repeated", times: 2 } });
    const [first, second] = [await all(loader.epoch(0)), await all(loader.epoch(1))];
    expect(hashOf(first)).not.toBe(hashOf(second));
    const values = 3 * 5 * 5;
    const [batch] = first;
    expect(batch?.indices[0]).toBe(batch?.indices[1]);
    expect(batch?.images.slice(0, values)).not.toEqual(batch?.images.slice(values, 2 * values));
  });

  it("raises the size of images by stages", async () => {
    const transforms = (size: number) => parsePipeline([{ name: "resize", size: [size, size] }, normalize]);
    const loader = loaderOf({
      transforms: transforms(8),
      stages: [
        { fromEpoch: 2, transforms: transforms(12) },
        { fromEpoch: 3, transforms: transforms(16), mix },
      ],
    });
    expect([0, 1, 2, 3, 9].map((epoch) => loader.imageSize(epoch).width)).toEqual([8, 8, 12, 16, 16]);
    const [batch] = await all(loader.epoch(3));
    expect(batch?.shape).toEqual([5, 3, 16, 16]);
    expect((await all(loader.epoch(3))).some(({ targets }) => targets)).toBe(true);
    expect((await all(loader.epoch(2))).some(({ targets }) => targets)).toBe(false);
  });

  it("mixes images and their targets alike", async () => {
    const [plainBatch] = await all(loaderOf({ batchSize: 23 }).epoch(0));
    const [mixed] = await all(loaderOf({ batchSize: 23, mix: { ...mix, cutmix: 0, probability: 1 } }).epoch(0));
    if (!plainBatch || !mixed?.targets) throw new Error("there is no mixed batch");
    const values = 3 * SIDE * SIDE;
    const row = mixed.targets.subarray(0, 3);
    const [own, other] = [set.labels[0] as number, set.labels[22] as number];
    const lambda = own === other ? undefined : (row[own] as number);
    for (let n = 0; n < 23; n++) {
      const target = mixed.targets.subarray(3 * n, 3 * n + 3);
      expect(target.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      const partner = (n + 22) % 23;
      const share = lambda ?? (target[set.labels[n] as number] as number);
      if (set.labels[n] !== set.labels[partner]) expect(target[set.labels[n] as number]).toBeCloseTo(share, 6);
      for (let v = 0; v < values; v++) {
        const expected =
          share * (plainBatch.images[n * values + v] as number) +
          (1 - share) * (plainBatch.images[partner * values + v] as number);
        expect(mixed.images[n * values + v]).toBeCloseTo(expected, 4);
      }
    }
    expect(lambda).toBeGreaterThan(0);
  });

  describe("with one channel", () => {
    const grey = parsePipeline([{ name: "grayscale" }, normalize]);
    const plane = SIDE * SIDE;

    it("gives the first of three, to the bit, in both layouts, mixed or not, in recycled memory", async () => {
      const options = { transforms: augmented, workers: 2 };
      for (const mixing of [{}, { mix }, { mix: { ...mix, mixup: 0, probability: 1 } }]) {
        const three = await all(loaderOf({ ...options, ...mixing }).epoch(2));
        for (const layout of ["nchw", "nhwc"] as const) {
          const loader = loaderOf({ ...options, ...mixing, layout, channels: 1 });
          const shapes: (readonly number[])[] = [];
          let at = 0;
          for await (const batch of loader.epoch(2)) {
            const whole = three[at++];
            if (!whole) throw new Error("there are more batches of one channel");
            const values = whole.images.length / whole.indices.length;
            for (let n = 0; n < whole.indices.length; n++) {
              const first = whole.images.subarray(n * values, n * values + values / 3);
              expect(batch.images.subarray((n * values) / 3, ((n + 1) * values) / 3)).toEqual(first);
            }
            expect(batch.images.length).toBe(batch.shape.reduce((a, b) => a * b));
            expect([batch.labels, batch.targets, batch.indices]).toEqual([whole.labels, whole.targets, whole.indices]);
            shapes.push(batch.shape);
            loader.recycle(batch);
          }
          const shape = layout === "nchw" ? [1, 5, 5] : [5, 5, 1];
          expect(shapes).toEqual([5, 5, 5, 5, 3].map((n) => [n, ...shape]));
        }
      }
    });

    it("gives the luma of colours where grayscale stands before", async () => {
      const [batch] = await all(loaderOf({ transforms: grey, channels: 1 }).epoch(0));
      const { pixels } = set.image(3);
      for (let p = 0; p < plane; p++) {
        const [r = 0, g = 0, b = 0] = pixels.subarray(3 * p);
        // ITU-R 601-2, rounded to a level
        const luma = 0.299 * r + 0.587 * g + 0.114 * b;
        const level = (batch?.images[3 * plane + p] ?? Number.NaN) * normalize.std[0] * 255 + normalize.mean[0] * 255;
        expect(Math.abs(level - luma)).toBeLessThan(0.51);
      }
    });

    it("takes the memory of earlier batches again", async () => {
      const loader = loaderOf({ channels: 1, dropLast: true, prefetch: 0, layout: "nhwc" });
      const memory = new Set<ArrayBufferLike>();
      for await (const batch of loader.epoch(0)) {
        memory.add(batch.images.buffer);
        loader.recycle(batch);
      }
      expect(memory.size).toBe(1);
    });

    it("divides a batch among ranks", async () => {
      const options: Partial<LoaderOptions> = { transforms: augmented, mix, batchSize: 6, channels: 1 };
      const whole = await all(loaderOf(options).epoch(3));
      const parts = await Promise.all(
        [0, 1, 2].map((rank) => all(loaderOf({ ...options, rank, ranks: 3, layout: "nhwc" }).epoch(3))),
      );
      expect(hashOf(whole.flatMap((_, b) => parts.map((part) => part[b] as Batch)))).toBe(hashOf(whole));
    });

    it("is that or three", () => {
      // @ts-expect-error what plain JavaScript might ask for
      expect(() => loaderOf({ channels: 2 })).toThrow("a batch has 3 channels or 1, not 2");
    });
  });

  it.each<[string, Partial<LoaderOptions>]>([
    ["", { batchSize: 0 }],
    ["", { batchSize: 2.5 }],
    ["", { batchSize: 24, dropLast: true }],
    ["", { workers: -1 }],
    ["", { prefetch: 0.5 }],
    ["", { rank: 1 }],
    ["", { ranks: 2 }],
    [
      "",
      {
        stages: [
          { fromEpoch: 3, transforms: plain },
          { fromEpoch: 3, transforms: plain },
        ],
      },
    ],
    ["", { sampler: { name: "weighted", weights: [1] } }],
  ])("refuses options that are out of range%s %o", (_, options) => {
    expect(() => loaderOf(options)).toThrow(ArgumentError);
  });

  it("refuses an epoch or a batch that there is not", () => {
    expect(() => loaderOf().epoch(-1)).toThrow(ArgumentError);
    expect(() => loaderOf().epoch(0, { from: 6 })).toThrow(ArgumentError);
  });

  it("refuses images that would come out in different sizes", () => {
    const mixed = new ImageSet({
      name: "mixed",
      classes: [],
      sizes: Uint32Array.of(2, 3, 3, 2),
      pixels: new Uint8Array(36),
      labels: [-1, -1],
      names: ["1", "2"],
    });
    expect(() => loaderOf({}, mixed)).toThrow(/different sizes/);
    expect(() => loaderOf({ transforms: parsePipeline([{ name: "centerCrop", size: 2 }]) }, mixed)).not.toThrow();
    expect(() => loaderOf({ transforms: parsePipeline([{ name: "resize", size: 8 }]) }, mixed)).toThrow(
      /different sizes/,
    );
  });
});

describe("the stream", () => {
  const options: Partial<LoaderOptions> = { transforms: augmented, sampler: { name: "shuffle" }, mix, seed: 7 };
  let expected: Batch[];
  beforeAll(async () => {
    expected = await all(loaderOf({ ...options, workers: 0 }).epoch(3));
  });

  it.each([
    [1, 2],
    [4, 0],
    [4, 9],
  ])("is the same with %i workers that work %i batches ahead", async (workers, prefetch) => {
    const loader = loaderOf({ ...options, workers, prefetch });
    await all(loader.epoch(0));
    expect(hashOf(await all(loader.epoch(3)))).toBe(hashOf(expected));
  });

  it("is the same when it is begun in the middle", async () => {
    for (const from of [0, 1, 3, 5]) {
      const rest = await all(loaderOf(options).epoch(3, { from }));
      expect(rest).toHaveLength(5 - from);
      expect(hashOf(rest)).toBe(hashOf(expected.slice(from)));
    }
  });

  it("is the same when two or three ranks share it", async () => {
    for (const ranks of [2, 3]) {
      const whole = await all(loaderOf({ ...options, batchSize: 6, workers: 0 }).epoch(3));
      const parts = await Promise.all(
        Array.from({ length: ranks }, (_, rank) =>
          all(loaderOf({ ...options, batchSize: 6, rank, ranks, workers: 2 }).epoch(3)),
        ),
      );
      const together = whole.flatMap((_, b) => parts.map((part) => part[b] as Batch));
      expect(together.map(({ shape }) => shape[0])).toContain(6 / ranks);
      expect(hashOf(together)).toBe(hashOf(whole));
    }
  });

  it("depends on the seed and the epoch", async () => {
    expect(hashOf(await all(loaderOf({ ...options, seed: 8 }).epoch(3)))).not.toBe(hashOf(expected));
    expect(hashOf(await all(loaderOf(options).epoch(4)))).not.toBe(hashOf(expected));
  });

  it("is the same in memory that is given back", async () => {
    const loader = loaderOf({ ...options, batchSize: 4, workers: 2 });
    const parts: string[] = [];
    const memory = new Set<ArrayBufferLike>();
    for await (const batch of loader.epoch(3)) {
      parts.push(hashOf([batch]));
      memory.add(batch.images.buffer);
      loader.recycle(batch);
      loader.recycle(batch);
    }
    const whole = await all(loaderOf({ ...options, batchSize: 4, workers: 0 }).epoch(3));
    expect(parts).toEqual(whole.map((batch) => hashOf([batch])));
    // Three batches are under way at once; the last one, of three images, has memory of its own.
    expect(memory.size).toBeLessThanOrEqual(4);
  });

  it("can be left early", async () => {
    for await (const batch of loaderOf({ ...options, workers: 2, prefetch: 4 }).epoch(3)) {
      expect(hashOf([batch])).toBe(hashOf(expected.slice(0, 1)));
      break;
    }
  });
});

describe("files", () => {
  let folder = "";
  let files: FileSet;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "fovea-loader-"));
    const names = Array.from({ length: SIZE }, (_, i) => `${i}.${i % 7 === 3 ? "webp" : i % 5 === 4 ? "tiff" : "png"}`);
    for (const [i, name] of names.entries()) {
      const { width, height, pixels } = set.image(i);
      const picture = sharp(pixels, { raw: { width, height, channels: 3 } });
      const kind = name.split(".")[1];
      const lossless =
        kind === "webp"
          ? picture.webp({ lossless: true })
          : kind === "tiff"
            ? picture.tiff({ compression: "lzw" })
            : picture;
      await lossless.toFile(join(folder, name));
    }
    const { classes, labels } = set;
    files = new FileSet({ name: "files", classes, labels, names, paths: names.map((name) => join(folder, name)) });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("give the same stream as images in memory, whatever their format", async () => {
    const options: Partial<LoaderOptions> = { transforms: augmented, sampler: { name: "shuffle" }, mix };
    for (const workers of [0, 2]) {
      const [fromFiles, inMemory] = [loaderOf({ ...options, workers }, files), loaderOf(options)];
      expect(hashOf(await all(fromFiles.epoch(1)))).toBe(hashOf(await all(inMemory.epoch(1))));
    }
  });

  describe("that are damaged", () => {
    const bad = [0, 4, 5, 22];
    const skipped: SkippedImage[] = [];
    const skipping: Partial<LoaderOptions> = {
      transforms: parsePipeline([{ name: "resize", size: [SIDE, SIDE] }, normalize]),
      mix: { ...mix, cutmix: 0, probability: 1 },
      onUnreadable: "skip",
      onSkip: (image) => skipped.push(image),
    };
    beforeAll(() => {
      for (const i of bad) writeFileSync(files.paths[i] as string, i === 5 ? "" : "no picture");
    });

    it("stop the epoch by name", async () => {
      const { transforms } = skipping;
      const [path = ""] = files.paths;
      await expect(all(loaderOf({ transforms }, files).epoch(0))).rejects.toThrow(FileError);
      await expect(all(loaderOf({ transforms }, files).epoch(0))).rejects.toThrow(path);
    });

    it("are left out and told of when that is asked for, and nobody is mixed with them", async () => {
      skipped.length = 0;
      const batches = await all(loaderOf(skipping, files).epoch(0));
      expect(skipped.map(({ path }) => path).sort()).toEqual(bad.map((i) => files.names[i]).sort());
      expect(skipped.every(({ reason }) => reason.length > 0)).toBe(true);
      const indices = batches.flatMap((batch) => [...batch.indices]);
      expect(indices).toEqual([...set.labels.keys()].filter((i) => !bad.includes(i)));
      // Image 1 follows a damaged one: it stays as it is.
      const [first] = batches;
      const alone = await all(loaderOf({ ...skipping, mix: undefined }, files).epoch(0));
      const values = 3 * SIDE * SIDE;
      expect(first?.indices[0]).toBe(1);
      for (let v = 0; v < values; v++) expect(first?.images[v]).toBeCloseTo(alone[0]?.images[v] ?? Number.NaN, 5);
      expect(first?.targets?.[set.labels[1] as number]).toBeCloseTo(1, 6);
    });

    it("leave the others where they are in one channel", async () => {
      const three = await all(loaderOf(skipping, files).epoch(0));
      const one = await all(loaderOf({ ...skipping, channels: 1 }, files).epoch(0));
      const plane = SIDE * SIDE;
      for (const [b, { images, indices }] of three.entries()) {
        expect(one[b]?.shape).toEqual([indices.length, 1, SIDE, SIDE]);
        for (let n = 0; n < indices.length; n++) {
          const first = images.subarray(3 * n * plane, (3 * n + 1) * plane);
          expect(one[b]?.images.subarray(n * plane, (n + 1) * plane)).toEqual(first);
        }
      }
    });

    it("leave the same stream to two ranks", async () => {
      const whole = await all(loaderOf({ ...skipping, batchSize: 6 }, files).epoch(0));
      const parts = await Promise.all(
        [0, 1].map((rank) => all(loaderOf({ ...skipping, batchSize: 6, rank, ranks: 2 }, files).epoch(0))),
      );
      const together = parts.flat().sort((a, b) => (a.indices[0] ?? 0) - (b.indices[0] ?? 0));
      expect(hashOf(together)).toBe(hashOf(whole));
    });
  });
});
