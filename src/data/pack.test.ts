import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../errors.js";
import { Random } from "../random.js";
import { FileSet } from "./image-set.js";
import { estimateDecodedBytes, packDataset } from "./pack.js";

let root = "";
let set: FileSet;
let pictures: Uint8Array[];
const cache = (): string => join(root, "cache");
const packs = (): string[] => readdirSync(cache()).map((name) => join(cache(), name));
/** How many images are decoded by a call: none when the pack serves. */
async function decodedBy(options: { onUnreadable?: "skip" } = {}, of = set) {
  let decoded = 0;
  const packed = await packDataset(of, { folder: cache(), onProgress: () => decoded++, ...options });
  return { ...packed, decoded };
}

async function writePicture(path: string, seed: number, width: number, height: number): Promise<Uint8Array> {
  const random = new Random("pack", seed);
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => random.below(256));
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
  return pixels;
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "fovea-pack-"));
  const names = Array.from({ length: 9 }, (_, i) => `${i}.png`);
  const paths = names.map((name) => join(root, name));
  pictures = await Promise.all(paths.map((path, i) => writePicture(path, i, 3 + i, 5)));
  set = new FileSet({
    name: "some",
    classes: ["a", "b"],
    labels: names.map((_, i) => i % 2),
    names,
    paths,
    groups: names,
  });
});
afterEach(() => rmSync(root, { recursive: true }));

describe("packDataset", () => {
  it("holds every image in its own size, decoded once", async () => {
    const first = await decodedBy();
    expect(first.decoded).toBe(9);
    const second = await decodedBy();
    expect(second.decoded).toBe(0);
    for (const { images } of [first, second]) {
      expect([...images.labels]).toEqual([...set.labels]);
      expect([images.names, images.groups, images.classes]).toEqual([set.names, set.groups, set.classes]);
      for (const [i, pixels] of pictures.entries()) {
        expect(images.image(i)).toMatchObject({ width: 3 + i, height: 5 });
        expect(Buffer.compare(images.image(i).pixels, pixels)).toBe(0);
      }
    }
    expect(packs()).toHaveLength(1);
  });

  it("is made anew when a file changes, also when size and date stay the same", async () => {
    await decodedBy();
    const path = set.paths[4] as string;
    const changed = await writePicture(path, 77, 7, 5);
    const once = await decodedBy();
    expect(once.decoded).toBe(9);
    expect(Buffer.compare(once.images.image(4).pixels, changed)).toBe(0);

    // The same number of bytes at the same date: only the time of the change itself tells.
    const bytes = readFileSync(path);
    const other = Buffer.from(bytes);
    other[other.length - 20] = (other[other.length - 20] ?? 0) ^ 1;
    utimesSync(path, 1000, 1000);
    await decodedBy();
    writeFileSync(path, other);
    utimesSync(path, 1000, 1000);
    await expect(decodedBy()).rejects.toThrow(path);
  });

  it("still serves when files were touched or copied over by the same bytes", async () => {
    await decodedBy();
    copyFileSync(set.paths[3] as string, join(root, "copy"));
    copyFileSync(join(root, "copy"), set.paths[3] as string);
    utimesSync(set.paths[2] as string, 5, 5);
    expect((await decodedBy()).decoded).toBe(0);
  });

  it.each(["truncated", "damaged", "of another kind"])("is made anew when it is %s", async (what) => {
    await decodedBy();
    const [path = ""] = packs();
    const bytes = readFileSync(path);
    if (what === "truncated") truncateSync(path, bytes.length - 7);
    else {
      const at = what === "damaged" ? 40 : 2;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      // In place of the old one, whose mapping may still be in use.
      rmSync(path);
      writeFileSync(path, bytes);
    }
    const { decoded, images } = await decodedBy();
    expect(decoded).toBe(9);
    expect(Buffer.compare(images.image(0).pixels, pictures[0] as Uint8Array)).toBe(0);
  });

  it("outlives others that are not used", async () => {
    await decodedBy();
    const others = ["unused.pack", "recent.pack", "unused.txt"].map((name) => join(cache(), name));
    const month = Date.now() / 1000 - 31 * 24 * 3600;
    for (const path of [...others, ...packs()]) {
      writeFileSync(path, "", { flag: "a" });
      utimesSync(path, month, month);
    }
    utimesSync(others[1] as string, month + 48 * 3600, month + 48 * 3600);
    expect((await decodedBy()).decoded).toBe(0);
    await decodedBy({}, set.subset([1, 2]));
    expect(packs()).toHaveLength(4);
    expect(packs()).not.toContain(others[0]);
    expect((await decodedBy()).decoded).toBe(0);
  });

  it("can be made by several at once", async () => {
    const all = await Promise.all([decodedBy(), decodedBy(), decodedBy()]);
    for (const { images } of all) expect(Buffer.compare(images.image(8).pixels, pictures[8] as Uint8Array)).toBe(0);
    expect(packs()).toHaveLength(1);
    expect((await decodedBy()).decoded).toBe(0);
  });

  it("stops at an image that cannot be read, or leaves it out and says so each time", async () => {
    writeFileSync(set.paths[2] as string, "no picture");
    rmSync(set.paths[6] as string);
    await expect(decodedBy()).rejects.toThrow(FileError);
    await expect(decodedBy()).rejects.toThrow(set.paths[2]);
    expect(packs()).toEqual([]);
    for (const decoded of [9, 0]) {
      const packed = await decodedBy({ onUnreadable: "skip" });
      expect(packed.decoded).toBe(decoded);
      expect(packed.skipped.map(({ path }) => path)).toEqual(["2.png", "6.png"]);
      expect(packed.images.size).toBe(7);
      expect([...packed.images.labels]).toEqual([0, 1, 1, 0, 1, 1, 0]);
      expect(Buffer.compare(packed.images.image(2).pixels, pictures[3] as Uint8Array)).toBe(0);
    }
    await expect(decodedBy()).rejects.toThrow(set.paths[2]);
    await writePicture(set.paths[6] as string, 6, 9, 5);
    expect((await decodedBy({ onUnreadable: "skip" })).images.size).toBe(8);
  });

  it("says when the cache cannot be written, and leaves nothing there", async () => {
    writeFileSync(cache(), "a file");
    await expect(decodedBy()).rejects.toThrow(FileError);
    expect(readFileSync(cache(), "utf8")).toBe("a file");
  });
});

describe("estimateDecodedBytes", () => {
  it("is exact where every header is read, and nothing where none can be", () => {
    expect(estimateDecodedBytes(set)).toBeCloseTo(
      pictures.reduce((sum, { length }) => sum + length, 0),
      6,
    );
    for (const path of set.paths) writeFileSync(path, "no picture");
    expect(estimateDecodedBytes(set)).toBeUndefined();
  });
});
