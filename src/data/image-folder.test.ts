import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { loadImageFolder, loadImages, loadLabelledFolder } from "./image-folder.js";
import { UNLABELLED } from "./image-set.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-folder-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Writes an 8x8 PNG of one grey. */
async function write(path: string, grey = 100): Promise<void> {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  const background = { r: grey, g: grey, b: grey };
  await sharp({ create: { width: 8, height: 8, channels: 3, background } }).toFile(join(root, path));
}

async function writeAll(...paths: string[]): Promise<void> {
  await Promise.all(paths.map((path, i) => write(path, 10 * i)));
}

/** The error that `loading` ends in. */
async function failure(loading: Promise<unknown>): Promise<unknown> {
  return loading.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("loadImageFolder", () => {
  it("reads train/ and validation/, sorted by class and path, whatever lies besides", async () => {
    await writeAll("train/b/2.png", "train/b/10.png", "train/a/x.JPG", "val/a/1.png", "val/b/deep/er/1.tiff");
    await write("train/.hidden/1.png");
    await write("train/b/.1.png");
    writeFileSync(join(root, "train/b/notes.txt"), "no image");
    writeFileSync(join(root, "train/README"), "no class");
    const seen: [number, number][] = [];
    const progress = (done: number, total: number): number => seen.push([done, total]);
    const { train, validation, skipped } = await loadImageFolder(root, { size: 4, progress });
    expect(train.classes).toEqual(["a", "b"]);
    expect(train.names).toEqual(["train/a/x.JPG", "train/b/10.png", "train/b/2.png"]);
    expect([...train.labels]).toEqual([0, 1, 1]);
    expect([train.width, train.height]).toEqual([4, 4]);
    expect([1, 2].map((i) => train.image(i)[0])).toEqual([10, 0]);
    expect(validation.names).toEqual(["val/a/1.png", "val/b/deep/er/1.tiff"]);
    expect(validation.image(1).every((value) => value === 40)).toBe(true);
    expect(skipped).toEqual([]);
    expect(seen.at(-1)).toEqual([5, 5]);
  });

  it("stretches to width and height, 90 x 90 unless told", async () => {
    await writeAll("train/a/1.png", "validation/a/1.png");
    expect((await loadImageFolder(root)).train.width).toBe(90);
    const { train } = await loadImageFolder(root, { size: { width: 5, height: 3 } });
    expect([train.width, train.height, train.pixels.length]).toEqual([5, 3, 45]);
    await expect(loadImageFolder(root, { size: 0 })).rejects.toThrow(/cannot be resized to 0x0/);
  });

  it("holds out the same part of every class, by seed and path alone", async () => {
    const names = (name: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${name}/${i}.png`);
    await writeAll(...names("a", 20), ...names("b", 10), ...names("c", 2));
    const held = async (seed: number): Promise<readonly string[]> => {
      const { train, validation } = await loadImageFolder(root, { size: 1, seed, validationFraction: 0.2 });
      expect(validation.classCounts()).toEqual([4, 2, 1]);
      expect(train.classCounts()).toEqual([16, 8, 1]);
      expect(new Set([...train.names, ...validation.names]).size).toBe(32);
      return validation.names;
    };
    const first = await held(0);
    expect(await held(0)).toEqual(first);
    expect(await held(1)).not.toEqual(first);
    await expect(loadImageFolder(root, { validationFraction: 1 })).rejects.toThrow(/between 0 and 1/);
  });

  it("stops at the first unreadable image in order and names it, or skips and lists it", async () => {
    const paths = Array.from({ length: 30 }, (_, i) => `a/${String(i).padStart(2, "0")}.png`);
    await writeAll(...paths.map((path) => `train/${path}`), "validation/a/1.png");
    truncateSync(join(root, "train/a/07.png"), 60);
    writeFileSync(join(root, "train/a/21.png"), "not a picture");
    const error = await failure(loadImageFolder(root, { size: 4 }));
    expect(error).toBeInstanceOf(FileError);
    expect(String(error)).toContain(`${join(root, "train/a/07.png")}: is not a readable image (`);

    const { train, skipped } = await loadImageFolder(root, { size: 4, onUnreadable: "skip" });
    expect(skipped.map(({ path }) => path)).toEqual(["train/a/07.png", "train/a/21.png"]);
    expect(skipped[1]?.reason).toMatch(/^is not a readable image \(.*unsupported/);
    expect(train.size).toBe(28);
    const greys = Array.from({ length: train.size }, (_, i) => train.image(i)[0]);
    expect(greys).toEqual(paths.map((_, i) => Math.min(255, 10 * i)).filter((_, i) => i !== 7 && i !== 21));
  });

  it("says so when no image of a class can be read", async () => {
    await writeAll("train/a/1.png", "train/b/1.png", "validation/a/1.png", "validation/b/1.png");
    writeFileSync(join(root, "validation/b/1.png"), "");
    const error = await failure(loadImageFolder(root, { size: 4, onUnreadable: "skip" }));
    expect(String(error)).toMatch(/no image of b in .*\/validation could be read/);
  });

  it.each<[string, string[], RegExp]>([
    ["no class folders", ["1.png"], /has no class folders/],
    ["train/ alone", ["train/a/1.png"], /has train\/ but no validation\//],
    ["validation/ alone", ["val/a/1.png"], /has val\/ but no train\//],
    ["validation/ twice", ["train/a/1.png", "val/a/1.png", "validation/a/1.png"], /both validation\/ and val\//],
    ["other classes", ["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"], /lacks b and has c besides/],
    ["one image to split", ["a/1.png", "a/2.png", "b/1.png"], /class b has 1 image; a split needs two/],
  ])("explains a folder with %s", async (_, paths, message) => {
    await writeAll(...paths);
    await expect(loadImageFolder(root)).rejects.toThrow(message);
  });

  it("explains an absent folder and an empty class", async () => {
    await expect(loadImageFolder(join(root, "absent"))).rejects.toThrow(/absent: there is no such folder/);
    await writeAll("a/1.png", "a/2.png");
    mkdirSync(join(root, "b"));
    await expect(loadImageFolder(root)).rejects.toThrow(/b: holds no images \(\.png/);
  });
});

describe("loadLabelledFolder", () => {
  it("labels by the classes it is given, in a folder or in its validation/", async () => {
    await writeAll("validation/a/1.png", "validation/b/1.png", "validation/b/2.png");
    for (const folder of [root, join(root, "validation")]) {
      const { images } = await loadLabelledFolder(folder, ["b", "a"], { size: 4 });
      expect(images.classes).toEqual(["b", "a"]);
      expect([...images.labels]).toEqual([1, 0, 0]);
    }
    await expect(loadLabelledFolder(root, ["a", "c"])).rejects.toThrow(/those of the network: it lacks c and has b/);
    await expect(loadLabelledFolder(join(root, "none"), ["a"])).rejects.toThrow(/there is no such folder/);
  });
});

describe("loadImages", () => {
  it("keeps the order of the paths and expands folders, once each", async () => {
    await writeAll("z.png", "some/b.png", "some/a/c.webp", "y.png");
    symlinkSync(join(root, "some"), join(root, "some", "again"));
    const paths = [join(root, "z.png"), join(root, "some"), join(root, "y.png")];
    const { images } = await loadImages(paths, { size: 2 });
    expect(images.names).toEqual(["z.png", "some/a/c.webp", "some/b.png", "y.png"].map((path) => join(root, path)));
    expect(images.image(0)[0]).toBe(0);
    expect(images.image(3)[0]).toBe(30);
    expect([...images.labels]).toEqual([UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED]);
  });

  it("explains what is missing, and skips it if asked to", async () => {
    await write("a.png");
    const paths = [join(root, "none.png"), join(root, "a.png")];
    await expect(loadImages(paths)).rejects.toThrow(/none\.png: there is no such file/);
    const { images, skipped } = await loadImages(paths, { onUnreadable: "skip" });
    expect(images.names).toEqual([join(root, "a.png")]);
    expect(skipped).toEqual([{ path: paths[0], reason: "there is no such file" }]);
    mkdirSync(join(root, "empty"));
    await expect(loadImages([join(root, "empty")])).rejects.toThrow(/holds no images/);
    await expect(loadImages([])).rejects.toThrow(/no images were named/);
  });
});

const nuclei = join(import.meta.dirname, "../../../shared/data/nuclei/validation");

describe("real nuclei", () => {
  it.skipIf(!existsSync(nuclei))("load as they are on disk", async () => {
    const { images, skipped } = await loadLabelledFolder(nuclei, ["tumor", "stromal", "til"], { size: 27 });
    expect(images.classCounts()).toEqual([883, 462, 295]);
    expect(skipped).toEqual([]);
    const index = 1000;
    const direct = await sharp(join(nuclei, images.names[index] ?? ""))
      .raw()
      .toBuffer();
    expect(images.image(index)).toEqual(new Uint8Array(direct));
  });
});
