import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { ArgumentError, FileError } from "../../errors.js";
import { openDataset } from "./open.js";
import { type DataChoices, dataSpecOf } from "./recognise.js";
import { type DataSpec, dataSpecSchema } from "./spec.js";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-open-"));
  vi.stubEnv("FOVEA_CACHE", join(root, "cache"));
  vi.stubEnv("FOVEA_DATA_MIRROR", "http://127.0.0.1:1/");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, content: string | Uint8Array = ""): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** CIFAR-10 with ten training images of each class in all, and a test image. */
function writeCifar10(folder: string): void {
  const record = (label: number, value: number) => Uint8Array.of(label, ...new Uint8Array(3072).fill(value));
  write(`${folder}/batches.meta.txt`, Array.from({ length: 10 }, (_, i) => `class ${i}\n`).join(""));
  const batch = Array.from({ length: 50 }, (_, i) => record(i % 10, i));
  for (const i of [1, 2]) write(`${folder}/data_batch_${i}.bin`, Buffer.concat(batch));
  write(`${folder}/test_batch.bin`, record(7, 1));
}

/** Fashion-MNIST with two images of each class, one of each for the test. */
function writeIdx(folder: string): void {
  const header = (...numbers: number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * i);
    return bytes;
  };
  for (const [part, count] of [
    ["train", 20],
    ["t10k", 10],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    write(`${folder}/${part}-labels-idx1-ubyte.gz`, gzipSync(Buffer.concat([header(0x0801, count), labels])));
    const images = Buffer.concat([header(0x0803, count, 4, 4), Buffer.alloc(16 * count)]);
    write(`${folder}/${part}-images-idx3-ubyte.gz`, gzipSync(images));
  }
}

const files = { validationFraction: 0.2, splitSeed: 0, onUnreadable: "stop" } as const;
const divided = { validationFraction: 0.1, splitSeed: 0 };

describe("dataSpecOf", () => {
  it("knows names, and what lies at a path", () => {
    writeCifar10("c/cifar-10-batches-bin");
    writeIdx("FashionMNIST/raw");
    writeIdx("digits");
    write("photos/a/1.png");
    write("list.CSV", "path,label\n");
    const of = (path: string) => dataSpecOf(join(root, path));
    expect(dataSpecOf("cifar100")).toEqual({ source: "cifar100", labels: "fine", ...divided });
    expect(dataSpecOf("fashion_mnist")).toEqual({ source: "fashion_mnist", ...divided });
    expect(dataSpecOf("synthetic", { synthetic: { train: 30, seed: 4 } })).toEqual({
      ...{ source: "synthetic", train: 30, validation: 600, size: 90, seed: 4 },
    });
    expect(of("c")).toEqual({ source: "cifar10", path: join(root, "c"), ...divided });
    expect(of("FashionMNIST")).toEqual({ source: "fashion_mnist", path: join(root, "FashionMNIST"), ...divided });
    expect(of("digits")).toEqual({ source: "mnist", path: join(root, "digits"), ...divided });
    expect(of("photos")).toEqual({ source: "folder", path: join(root, "photos"), ...files });
    expect(of("list.CSV")).toEqual({ source: "csv", path: join(root, "list.CSV"), ...files });
  });

  it("explains what it does not know", () => {
    writeCifar10("both/cifar-10-batches-bin");
    cpSync(join(import.meta.dirname, "fixtures/cifar-100-python"), join(root, "both/cifar-100-python"), {
      recursive: true,
    });
    write("notes.txt");
    expect(() => dataSpecOf(join(root, "both"))).toThrow(/holds CIFAR-10 and CIFAR-100/);
    expect(() => dataSpecOf(join(root, "notes.txt"))).toThrow(/is a file, but no \.csv/);
    expect(() => dataSpecOf("fashion-mnist")).toThrow(
      expect.objectContaining({
        message: "fashion-mnist: there is no such folder or file",
        hint: "Did you mean fashion_mnist?",
      }),
    );
    expect(() => dataSpecOf(join(root, "none"))).toThrow(FileError);
  });

  it("refuses choices that the source does not know", () => {
    write("photos/a/1.png");
    for (const [what, choices] of [
      ["cifar10", { groupBy: "(p)" }],
      ["cifar10", { labels: "coarse" }],
      ["synthetic", { validationFraction: 0.5 }],
      [join(root, "photos"), { synthetic: { train: 3 } }],
    ] satisfies [string, DataChoices][]) {
      expect(() => dataSpecOf(what, choices)).toThrow(ArgumentError);
    }
    expect(() => dataSpecOf("cifar10", { groupBy: "(p)" })).toThrow("groupBy cannot be chosen for cifar10, which is");
    expect(dataSpecOf("cifar10", { onUnreadable: "skip", groupBy: undefined })).toEqual({
      source: "cifar10",
      ...divided,
    });
  });

  it("gives what a recipe can hold", () => {
    write("photos/a/1.png");
    const specs = [
      ...["synthetic", "cifar10", "cifar100", "mnist", "fashion_mnist"].map((name) => dataSpecOf(name)),
      dataSpecOf(join(root, "photos"), { groupBy: String.raw`^(p\d+)_`, onUnreadable: "skip", splitSeed: 42 }),
    ];
    for (const spec of specs) expect(dataSpecSchema.parse(parse(stringify(spec)))).toEqual(spec);
    expect(dataSpecSchema.safeParse({ source: "folder", path: "x", ...files, seed: 1 }).success).toBe(false);
    expect(dataSpecSchema.safeParse({ source: "cifar10", validationFraction: 1, splitSeed: 0 }).success).toBe(false);
  });
});

describe("openDataset", () => {
  it("holds part of CIFAR's training images out, the same for the same seed", async () => {
    writeCifar10("cifar");
    const { train, validation, test } = await openDataset(join(root, "cifar"));
    expect([train.name, validation.name, test?.name]).toEqual([
      "CIFAR-10/train",
      "CIFAR-10/validation",
      "CIFAR-10/test",
    ]);
    expect(train.classCounts()).toEqual(new Array(10).fill(9));
    expect(validation.classCounts()).toEqual(new Array(10).fill(1));
    expect(test?.size).toBe(1);
    expect(new Set([...train.names, ...validation.names]).size).toBe(100);
    const again = (splitSeed: number) => openDataset(join(root, "cifar"), { splitSeed });
    expect((await again(0)).validation.names).toEqual(validation.names);
    expect((await again(1)).validation.names).not.toEqual(validation.names);
    const half = await openDataset({
      source: "cifar10",
      path: join(root, "cifar"),
      validationFraction: 0.5,
      splitSeed: 0,
    });
    expect(half.validation.size).toBe(50);
  });

  it("takes published sets from the cache, or says where to put them", async () => {
    writeIdx("cache/data/fashion_mnist");
    writeCifar10("cache/data/cifar10/cifar-10-batches-bin");
    expect((await openDataset("cifar10")).validation.size).toBe(10);
    // The files of the cache are checked, and these are not the published ones.
    await expect(openDataset("fashion_mnist")).rejects.toThrow(
      /127\.0\.0\.1:1\/fashion_mnist\/train-images-idx3-ubyte\.gz: could/,
    );
    await expect(openDataset("mnist")).rejects.toMatchObject({ code: "DOWNLOAD" });
    const { train, test } = await openDataset(join(root, "cache/data/fashion_mnist"));
    expect([train.classes[0], train.size, test?.size]).toEqual(["T-shirt/top", 10, 10]);
  });

  it("opens folders and CSV files without decoding", async () => {
    for (const label of ["a", "b"]) for (let i = 0; i < 5; i++) write(`photos/${label}/p${i}_x.png`);
    const folder = await openDataset(join(root, "photos"), { groupBy: "^(p.)_", validationFraction: 0.4 });
    expect([folder.train.kind, folder.validation.classCounts()]).toEqual(["files", [2, 2]]);
    const rows = ["a", "b"].flatMap((label) => [0, 1, 2, 3, 4].map((i) => `photos/${label}/p${i}_x.png,${label}`));
    write("list.csv", ["path,label", ...rows, "none.png,a"].join("\n"));
    await expect(openDataset(join(root, "list.csv"))).rejects.toThrow(/line 12: .*none\.png there is no such file/);
    const spec: DataSpec = dataSpecOf(join(root, "list.csv"));
    const { train, problems } = await openDataset(spec, { onUnreadable: "skip" });
    expect([train.size, problems.length]).toEqual([8, 1]);
  });

  it("draws synthetic images of which none is in both parts", async () => {
    const { train, validation } = await openDataset("synthetic", { synthetic: { train: 6, validation: 3, size: 16 } });
    expect([...train.names, ...validation.names]).toEqual(Array.from({ length: 9 }, (_, i) => `synthetic/${i}`));
    expect(train.kind === "pixels" && train.uniformSize).toEqual({ width: 16, height: 16 });
  });
});
