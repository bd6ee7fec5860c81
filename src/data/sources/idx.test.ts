import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../errors.js";
import { idxFolderIn, openIdx } from "./idx.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-idx-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A file of the format: magic number and sides big-endian, then the values. */
function idx(magic: number, sides: readonly number[], values: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * sides.length);
  for (const [i, number] of [magic, ...sides].entries()) header.writeUInt32BE(number, 4 * i);
  return Buffer.concat([header, Uint8Array.from(values)]);
}

const labels = idx(0x0801, [3], [9, 0, 4]);
const images = idx(
  0x0803,
  [3, 2, 4],
  Array.from({ length: 24 }, (_, i) => 10 * i),
);

const LABELS = "train-labels-idx1-ubyte";
const IMAGES = "train-images-idx3-ubyte";

function write(files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(root, name), bytes);
}

describe("the files of MNIST and Fashion-MNIST", () => {
  it.each<[string, Record<string, Uint8Array>]>([
    ["plain", { [LABELS]: labels, [IMAGES]: images }],
    ["packed", { [`${LABELS}.gz`]: gzipSync(labels), [`${IMAGES}.gz`]: gzipSync(images) }],
    ["with dots in their names", { "train-labels.idx1-ubyte": labels, "train-images.idx3-ubyte.gz": gzipSync(images) }],
  ])("are read %s", (_, files) => {
    write(files);
    const set = openIdx(root, "mnist", "train");
    expect(set.name).toBe("MNIST/train");
    expect(set.uniformSize).toEqual({ width: 4, height: 2 });
    expect([...set.labels]).toEqual([9, 0, 4]);
    expect(set.names).toEqual(["train/0", "train/1", "train/2"]);
    // Grey, three times.
    expect([...set.image(1).pixels.subarray(0, 6)]).toEqual([80, 80, 80, 90, 90, 90]);
    expect(set.classes).toEqual([..."0123456789"]);
    expect(openIdx(root, "fashion_mnist", "train").classes[9]).toBe("Ankle boot");
  });

  it("have a test part, and lie where torchvision puts them", () => {
    const inside = join(root, "FashionMNIST", "raw");
    mkdirSync(inside, { recursive: true });
    expect(idxFolderIn(root)).toBeUndefined();
    writeFileSync(join(inside, "t10k-labels-idx1-ubyte"), labels);
    writeFileSync(join(inside, "t10k-images-idx3-ubyte"), images);
    expect(idxFolderIn(root)).toBe(inside);
    expect(openIdx(root, "fashion_mnist", "test").names[2]).toBe("test/2");
    expect(() => openIdx(root, "mnist", "train")).toThrow(/has no train-labels-idx1-ubyte, plain or as \.gz/);
  });

  const change = (bytes: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt32BE(value, at);
    return copy;
  };
  const packed = gzipSync(images);
  const cases: [string, Record<string, Uint8Array>, RegExp][] = [
    ["labels alone", { [LABELS]: labels }, /has no train-images-idx3-ubyte/],
    ["labels for images", { [LABELS]: labels, [IMAGES]: labels }, /no IDX file of images: it begins with 00000801/],
    ["images for labels", { [LABELS]: images }, /no IDX file of labels: it begins with 00000803, not 00000801/],
    ["no IDX at all", { [LABELS]: Buffer.from("<html></html>") }, /it begins with 3c68746d/],
    ["an empty file", { [LABELS]: Buffer.of() }, /is cut off: it ends within its first 8 bytes/],
    ["a cut file", { [LABELS]: labels.subarray(0, 10) }, /is cut off: it has 10 bytes, not the 11/],
    ["a cut file of images", { [LABELS]: labels, [IMAGES]: images.subarray(0, 39) }, /it has 39 bytes, not the 40/],
    ["bytes behind the end", { [LABELS]: Buffer.concat([labels, labels]) }, /is too long: it has 22 bytes/],
    ["another number of images", { [LABELS]: idx(0x0801, [2], [1, 2]), [IMAGES]: images }, /3 images, but there are 2/],
    ["no images", { [LABELS]: idx(0x0801, [0], []) }, /says that it has 0 values/],
    ["an eleventh class", { [LABELS]: idx(0x0801, [3], [1, 10, 2]), [IMAGES]: images }, /image 1 has label 10/],
    ["a giant", { [LABELS]: labels, [IMAGES]: change(images, 8, 2 ** 31) }, /which is too many/],
    [
      "a cut pack",
      { [LABELS]: labels, [`${IMAGES}.gz`]: packed.subarray(0, -10) },
      /could not be unpacked \(unexpected/,
    ],
    ["a pack that is none", { [`${LABELS}.gz`]: labels }, /could not be unpacked \(incorrect header/],
    ["a pack that ends early", { [`${LABELS}.gz`]: gzipSync(labels.subarray(0, 9)) }, /it has 9 bytes, not the 11/],
    [
      "a pack of too much",
      { [`${LABELS}.gz`]: gzipSync(Buffer.concat([labels, labels])) },
      /unpacks to more than the 11/,
    ],
  ];
  it.each(cases)("are refused as %s", (_, files, message) => {
    write(files);
    expect(() => openIdx(root, "mnist", "train")).toThrow(message);
    expect(() => openIdx(root, "mnist", "train")).toThrow(FileError);
  });

  it("take no memory for a bomb", () => {
    const bomb = gzipSync(Buffer.concat([labels, Buffer.alloc(2 ** 27)]));
    write({ [`${LABELS}.gz`]: bomb });
    const before = process.memoryUsage().rss;
    expect(() => openIdx(root, "mnist", "train")).toThrow(/unpacks to more than the 11 bytes/);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(64);
  });
});
