import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../errors.js";
import { cifarFoldersIn, openCifar } from "./cifar.js";

const fixtures = join(import.meta.dirname, "fixtures");
const names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-cifar-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The images of the fixtures: value v of the one that starts with s is s + v / 8, planes of red, green and blue. */
function value(start: number, channel: number, row: number, column: number): number {
  return (start + Math.floor((channel * 1024 + row * 32 + column) / 8)) % 256;
}

/** A record of the binary version of the same images. */
function record(start: number, ...labels: number[]): Uint8Array {
  return Uint8Array.from([...labels, ...Array.from({ length: 3072 }, (_, v) => value(start, 0, 0, v))]);
}

function writeCifar10(): string {
  const folder = join(root, "cifar-10-batches-bin");
  mkdirSync(folder);
  writeFileSync(join(folder, "batches.meta.txt"), `${names.join("\n")}\n\n`);
  writeFileSync(join(folder, "test_batch.bin"), Buffer.concat([record(30, 3), record(80, 8)]));
  writeFileSync(join(folder, "data_batch_2.bin"), record(40, 4));
  writeFileSync(join(folder, "data_batch_1.bin"), Buffer.concat([record(60, 6), record(90, 9)]));
  return folder;
}

function writeCifar100(): string {
  const folder = join(root, "cifar-100-binary");
  mkdirSync(folder);
  const classes = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind} ${i}\n`).join("");
  writeFileSync(join(folder, "fine_label_names.txt"), classes("fine", 100));
  writeFileSync(join(folder, "coarse_label_names.txt"), classes("coarse", 20));
  writeFileSync(join(folder, "train.bin"), Buffer.concat([record(99, 19, 99), record(0, 0, 0)]));
  writeFileSync(join(folder, "test.bin"), record(42, 8, 42));
  return folder;
}

describe("CIFAR-10", () => {
  it.each(["binary", "Python 2", "Python 3"])("is read from its %s files", (version) => {
    if (version === "binary") writeCifar10();
    else cpSync(join(fixtures, "cifar-10-batches-py"), join(root, "cifar-10-batches-py"), { recursive: true });
    if (version === "Python 3") {
      cpSync(join(fixtures, "python3"), join(root, "cifar-10-batches-py"), { recursive: true });
    }
    const set = openCifar(root, "cifar10", "test");
    expect(set.name).toBe("CIFAR-10/test");
    expect(set.classes).toEqual(names);
    expect([...set.labels]).toEqual([3, 8]);
    expect(set.names).toEqual(["test_batch/0", "test_batch/1"]);
    expect(set.uniformSize).toEqual({ width: 32, height: 32 });
    for (const [image, start] of [30, 80].entries()) {
      const { pixels } = set.image(image);
      for (const [row, column] of [
        [0, 0],
        [1, 2],
        [31, 31],
      ] as const) {
        const at = 3 * (32 * row + column);
        expect([...pixels.subarray(at, at + 3)]).toEqual([0, 1, 2].map((c) => value(start, c, row, column)));
      }
    }
    const train = openCifar(root, "cifar10", "train");
    expect([...train.labels]).toEqual([6, 9, 4]);
    expect(train.names).toEqual(["data_batch_1/0", "data_batch_1/1", "data_batch_2/0"]);
    expect(train.image(2).pixels[0]).toBe(40);
  });

  it("is the same set in either layout", () => {
    writeCifar10();
    for (const part of ["train", "test"] as const) {
      const [binary, python] = [root, fixtures].map((path) => openCifar(path, "cifar10", part));
      expect(python?.pixels).toEqual(binary?.pixels);
      expect(python?.names).toEqual(binary?.names);
    }
  });

  it("is refused in another layout, naming file and reason", () => {
    const folder = writeCifar10();
    const path = join(folder, "test_batch.bin");
    const open = () => openCifar(root, "cifar10", "test");
    for (const [bytes, message] of [
      [record(3, 3).subarray(0, 3000), "no whole number of records"],
      [new Uint8Array(0), "has 0 bytes"],
      [record(3, 10), "record 0 has label 10; CIFAR-10 has 0 to 9"],
    ] as const) {
      writeFileSync(path, bytes);
      expect(open).toThrow(FileError);
      expect(open).toThrow(message);
    }
    rmSync(path);
    expect(open).toThrow(path);
    expect(() => openCifar(tmpdir(), "cifar10", "test")).toThrow("no batches.meta.txt or batches.meta");
    writeFileSync(join(folder, "batches.meta.txt"), "cat\ndog\n");
    expect(open).toThrow("names 2 classes");
    cpSync(join(fixtures, "cifar-10-batches-py"), join(root, "py"), { recursive: true });
    const batch = join(root, "py/data_batch_1");
    rmSync(join(root, "py/data_batch_2"));
    truncateSync(batch, 5000);
    expect(() => openCifar(join(root, "py"), "cifar10", "train")).toThrow(/data_batch_1: .* is cut off/);
    rmSync(batch);
    expect(() => openCifar(join(root, "py"), "cifar10", "train")).toThrow(/holds no data_batch file/);
  });

  it("is read as data alone: nothing in a pickle is run", () => {
    cpSync(join(fixtures, "cifar-10-batches-py"), root, { recursive: true });
    const path = join(root, "test_batch");
    const open = (content: string) => () => {
      writeFileSync(path, Buffer.from(content, "latin1"));
      return openCifar(root, "cifar10", "test");
    };
    const evil = `cos\nsystem\n(U${String.fromCharCode(8)}touch /xtR`;
    expect(open(`\x80\x02}(U\x04data${evil}u.`)).toThrow(/refuses os\.system/);
    expect(open("\x80\x02]q\x01.")).toThrow(/holds list, not a dict/);
    expect(open("\x80\x02}q\x01.")).toThrow(/its labels are nothing, its data nothing/);
    const whole = readFileSync(join(fixtures, "cifar-10-batches-py/test_batch"), "latin1");
    expect(open(whole.replace("labelsq\x04]q\x05(K\x03K\x08e", "labelsq\x04]q\x05(K\x03e"))).toThrow(
      "has 1 labels and data of shape [2, 3072]",
    );
    expect(open(whole.replace("(K\x03K\x08e", "(K\x03Ne"))).toThrow(/record 1 has no label/);
    expect(open(whole.replace("(K\x03K\x08e", "(K\x03K\x0be"))).toThrow(/record 1 has label 11/);
    expect(open(whole)().size).toBe(2);
  });
});

describe("CIFAR-100", () => {
  it.each(["binary", "python"])("is read from its %s files, with fine or coarse labels", (version) => {
    if (version === "binary") writeCifar100();
    const path = version === "binary" ? root : join(fixtures, "cifar-100-python");
    const fine = openCifar(path, "cifar100", "train");
    expect([fine.name, fine.classes.length, fine.classes[99]]).toEqual(["CIFAR-100/train", 100, "fine 99"]);
    expect([...fine.labels]).toEqual([99, 0]);
    expect([...fine.image(0).pixels.subarray(0, 3)]).toEqual([0, 1, 2].map((c) => value(99, c, 0, 0)));
    expect(fine.names).toEqual(["train/0", "train/1"]);
    const coarse = openCifar(path, "cifar100", "test", { labels: "coarse" });
    expect([coarse.classes.length, coarse.classes[8], ...coarse.labels]).toEqual([20, "coarse 8", 8]);
    expect(coarse.image(0).pixels[0]).toBe(42);
  });
});

describe("cifarFoldersIn", () => {
  it("knows the folders of all versions, and those around them", () => {
    expect(cifarFoldersIn(fixtures)).toEqual([
      { name: "cifar10", format: "python", folder: join(fixtures, "cifar-10-batches-py") },
      { name: "cifar100", format: "python", folder: join(fixtures, "cifar-100-python") },
    ]);
    const [ten, hundred] = [writeCifar10(), writeCifar100()];
    cpSync(join(fixtures, "cifar-10-batches-py"), join(root, "cifar-10-batches-py"), { recursive: true });
    expect(cifarFoldersIn(root).map(({ format, folder }) => [format, folder])).toEqual([
      ["binary", ten],
      ["binary", hundred],
    ]);
    expect(cifarFoldersIn(hundred)).toEqual([{ name: "cifar100", format: "binary", folder: hundred }]);
  });

  it("does not take a folder of images for one", () => {
    mkdirSync(join(root, "train"));
    writeFileSync(join(root, "meta"), "");
    expect(cifarFoldersIn(root)).toEqual([]);
    expect(cifarFoldersIn(join(root, "none"))).toEqual([]);
  });
});

const real = fileURLToPath(new URL("../../../../shared/data/cifar10", import.meta.url));

describe.skipIf(!existsSync(real))("the real CIFAR-10 (skipped where the data is not there)", () => {
  it("has 10,000 test images, 1,000 of a class", () => {
    const set = openCifar(real, "cifar10", "test");
    expect(set.classes).toEqual(names);
    expect(set.classCounts()).toEqual(new Array(10).fill(1000));
  });
});
