import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { checkDataset } from "./check.js";
import { FileSet, type Image, ImageSet } from "./image-set.js";
import type { OpenedData } from "./sources/opened.js";

const work = mkdtempSync(join(tmpdir(), "fovea-check-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("checkDataset, of images in memory", () => {
  it("finds nothing in clean data", async () => {
    const done: number[] = [];
    const data = opened(
      [picture(1), picture(2), picture(3), picture(4)],
      [picture(5), picture(6), picture(7), picture(8)],
    );
    const report = await checkDataset(data, { onProgress: (count, total) => done.push(count, total) });
    expect(report).toEqual({
      images: { train: 4, validation: 4 },
      unreadable: [],
      samePictures: [],
      divided: [],
      classes: [],
      flat: [],
      tiny: [],
    });
    expect(done.slice(-2)).toEqual([8, 8]);
  });

  it("finds copies, and tells leaks and contradictions", async () => {
    const train = [picture(1), picture(2), picture(3), picture(3), picture(4), picture(5)];
    const data = opened(train, [picture(1), picture(6), touched(picture(4)), picture(7)]);
    const { samePictures } = await checkDataset(data);
    expect(samePictures).toEqual([
      {
        leaks: true,
        contradicts: false,
        images: [
          { part: "train", name: "train/0", class: "a", likeness: "first" },
          { part: "validation", name: "validation/0", class: "a", likeness: "same pixels" },
        ],
      },
      {
        leaks: false,
        contradicts: true,
        images: [
          { part: "train", name: "train/2", class: "a", likeness: "first" },
          { part: "train", name: "train/3", class: "b", likeness: "same pixels" },
        ],
      },
      {
        leaks: true,
        contradicts: false,
        images: [
          { part: "train", name: "train/4", class: "a", likeness: "first" },
          { part: "validation", name: "validation/2", class: "a", likeness: "nearly the same" },
        ],
      },
    ]);
  });

  it("puts exact and near copies of one picture into one group", async () => {
    const data = opened([picture(1), touched(picture(1)), picture(9)], [touched(picture(1)), picture(1), picture(8)]);
    const { samePictures } = await checkDataset(data);
    expect(samePictures.map(({ images }) => images.map(({ name, likeness }) => `${name}: ${likeness}`))).toEqual([
      ["train/0: first", "train/1: nearly the same", "validation/0: same pixels", "validation/1: same pixels"],
    ]);
  });

  it("finds turned and flipped pictures when asked to", async () => {
    const data = opened([picture(1), picture(2)], [turned(picture(2)), picture(3)]);
    expect((await checkDataset(data)).samePictures).toEqual([]);
    const { samePictures } = await checkDataset(data, { transformed: true });
    expect(samePictures.map(({ images }) => images.map(({ name, likeness }) => `${name}: ${likeness}`))).toEqual([
      ["train/1: first", "validation/0: turned or flipped"],
    ]);
  });

  it("finds images that show nothing, and does not call them copies", async () => {
    const grey = (value: number): Image => ({ width: 9, height: 9, pixels: new Uint8Array(243).fill(value) });
    const dot = { width: 1, height: 1, pixels: Uint8Array.of(1, 2, 3) };
    const line = { ...picture(1, 20, 7) };
    const { flat, tiny, samePictures } = await checkDataset(
      opened([grey(7), grey(7), dot], [grey(8), line, picture(3)]),
    );
    expect(flat.map(({ name }) => name)).toEqual(["train/0", "train/1", "train/2", "validation/0"]);
    expect(tiny).toEqual([
      { part: "train", name: "train/2", class: "a", width: 1, height: 1 },
      { part: "validation", name: "validation/1", class: "b", width: 20, height: 7 },
    ]);
    expect(samePictures).toEqual([]);
  });

  it("tells groups in two parts, and classes that are rare, missing or unbalanced", async () => {
    const images = Array.from({ length: 24 }, (_, i) => picture(i + 20));
    const data = opened(images.slice(0, 22), images.slice(22), {
      classes: ["a", "b", "c"],
      labels: [...new Array<number>(21).fill(0), 1, 0, 0],
      groups: [...new Array<string>(22).fill("p1"), "p1", "p2"],
    });
    const { divided, classes } = await checkDataset(data);
    expect(divided).toEqual([{ group: "p1", images: { train: 22, validation: 1 } }]);
    expect(classes).toEqual([
      "train has a single image of b",
      "train has no image of c",
      "train has 21 times as many images of a (21) as of b (1)",
      "validation has no image of b",
      "validation has no image of c",
    ]);
  });
});

describe("checkDataset, of files", () => {
  beforeAll(async () => {
    const { pixels, width, height } = picture(1, 64, 48);
    const whole = sharp(pixels, { raw: { width, height, channels: 3 } });
    const png = await whole.png().toBuffer();
    writeFileSync(join(work, "whole.png"), png);
    writeFileSync(join(work, "half.png"), png.subarray(0, png.length / 2));
    writeFileSync(join(work, "copy.jpg"), await whole.jpeg({ quality: 80 }).toBuffer());
  });

  it("names those that cannot be read, after what the source left out, and goes on", async () => {
    const set = (name: string, names: readonly string[]) =>
      new FileSet({
        name,
        classes: ["a"],
        labels: names.map(() => 0),
        names,
        paths: names.map((file) => join(work, file)),
      });
    const report = await checkDataset({
      train: set("train", ["half.png", "whole.png"]),
      validation: set("validation", ["none.png", "copy.jpg"]),
      problems: [{ path: "pipe.png", reason: "is a pipe, not an image file" }],
    });
    expect(report.unreadable.map(({ part, name }) => [part, name])).toEqual([
      [null, "pipe.png"],
      ["train", "half.png"],
      ["validation", "none.png"],
    ]);
    for (const { reason } of report.unreadable) expect(reason).not.toContain(work);
    expect(report.unreadable[2]?.reason).toBe("there is no such file");
    expect(report.samePictures.map(({ images }) => images.map(({ name }) => name))).toEqual([
      ["whole.png", "copy.jpg"],
    ]);
  });
});

function opened(
  train: readonly Image[],
  validation: readonly Image[],
  more: { classes?: string[]; labels?: number[]; groups?: string[] } = {},
): OpenedData {
  const set = (part: string, images: readonly Image[], from: number) =>
    new ImageSet({
      name: part,
      classes: more.classes ?? ["a", "b"],
      labels: more.labels?.slice(from, from + images.length) ?? images.map((_, i) => i % 2),
      names: images.map((_, i) => `${part}/${i}`),
      groups: more.groups?.slice(from, from + images.length),
      sizes: Uint32Array.from(images.flatMap(({ width, height }) => [width, height])),
      pixels: Uint8Array.from(images.flatMap(({ pixels }) => [...pixels])),
    });
  return { train: set("train", train, 0), validation: set("validation", validation, train.length), problems: [] };
}

/** Squares of random brightness, blurred a little: other ones for every seed. */
function picture(seed: number, width = 24, height = 24): Image {
  const random = new Random("picture", seed);
  const cells = Array.from({ length: 64 }, () => random.uniform(20, 230));
  const pixels = new Uint8Array(width * height * 3);
  for (let p = 0; p < pixels.length; p++) {
    const x = Math.floor((8 * (Math.floor(p / 3) % width)) / width);
    const y = Math.floor((8 * Math.floor(p / (3 * width))) / height);
    pixels[p] = Math.round((cells[8 * y + x] ?? 0) + 5 * (p % 3));
  }
  return { width, height, pixels };
}

/** With one level more here and there, as another compression would have it. */
function touched(image: Image): Image {
  return { ...image, pixels: image.pixels.map((value, i) => value + (i % 7 === 0 ? 1 : 0)) };
}

/** A quarter turn. */
function turned({ width, pixels }: Image): Image {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      const from = 3 * (x * width + width - 1 - y);
      out.set(pixels.subarray(from, from + 3), 3 * (y * width + x));
    }
  }
  return { width, height: width, pixels: out };
}
