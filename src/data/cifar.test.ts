import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { loadCifar10 } from "./index.js";

const names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/** A record whose red, green and blue plane count up from the label. */
function record(label: number): Uint8Array {
  const bytes = new Uint8Array(3073);
  bytes[0] = label;
  for (let i = 0; i < 3072; i++) bytes[i + 1] = (label + Math.floor(i / 1024) * 80 + (i % 1024)) % 256;
  return bytes;
}

describe("CIFAR-10's binary folder", () => {
  let root = "";
  let folder = "";
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "fovea-cifar-"));
    folder = join(root, "cifar-10-batches-bin");
    mkdirSync(folder);
    writeFileSync(join(folder, "batches.meta.txt"), `${names.join("\n")}\n\n`);
    writeFileSync(join(folder, "test_batch.bin"), Buffer.concat([record(3), record(9)]));
    writeFileSync(join(folder, "data_batch_2.bin"), record(2));
    writeFileSync(join(folder, "data_batch_1.bin"), Buffer.concat([record(0), record(1)]));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each(["the folder", "the folder around it"])("is read, given %s", (which) => {
    const set = loadCifar10(which === "the folder" ? folder : root, "test");
    expect(set.classes).toEqual(names);
    expect([...set.labels]).toEqual([3, 9]);
    expect(set.names).toEqual(["test_batch.bin/0", "test_batch.bin/1"]);
    // The pixel in row 1, column 2 is the 34th of each plane.
    expect([...set.image(1).subarray(3 * 34, 3 * 35)]).toEqual([9 + 34, 9 + 80 + 34, 9 + 160 + 34]);
  });

  it("is resized when asked to", () => {
    const set = loadCifar10(root, "test", { size: 16 });
    expect([set.width, set.height, set.size]).toEqual([16, 16, 2]);
    // Red counts up along a row: halved, a pixel is about the mean of those it covers.
    const red = set.image(0)[3 * (16 + 4)] ?? 0;
    expect(Math.abs(red - (3 + ((2.5 * 32 + 8.5) % 256)))).toBeLessThan(4);
  });

  it("gives the training batches that are there, in order", () => {
    expect([...loadCifar10(root, "train").labels]).toEqual([0, 1, 2]);
  });

  it("refuses what is not of this layout, naming file and reason", () => {
    const path = join(folder, "test_batch.bin");
    for (const [bytes, message] of [
      [record(3).subarray(0, 3000), "no whole number of records"],
      [new Uint8Array(0), "has 0 bytes"],
      [record(10), "record 0 has label 10"],
    ] as const) {
      writeFileSync(path, bytes);
      expect(() => loadCifar10(root, "test")).toThrow(FileError);
      expect(() => loadCifar10(root, "test")).toThrow(message);
    }
    rmSync(path);
    expect(() => loadCifar10(root, "test")).toThrow(path);
    expect(() => loadCifar10(tmpdir(), "test")).toThrow("no batches.meta.txt");
    writeFileSync(join(folder, "batches.meta.txt"), "cat\ndog\n");
    expect(() => loadCifar10(root, "train")).toThrow("names 2 classes");
  });
});

const real = fileURLToPath(new URL("../../../shared/data/cifar10", import.meta.url));

describe.skipIf(!existsSync(real))("the real CIFAR-10 (skipped where the data is not there)", () => {
  it("has 10,000 test images, 1,000 of a class", () => {
    const set = loadCifar10(real, "test");
    expect(set.classes).toEqual(names);
    expect(set.classCounts()).toEqual(new Array(10).fill(1000));
  });
});
