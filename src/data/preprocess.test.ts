import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { readGolden } from "../../test/support/files.js";
import type { Preprocessing } from "../preprocessing.js";
import { preprocessImage, readPreprocessed } from "./preprocess.js";

interface Case {
  width: number;
  height: number;
  preprocessing: Preprocessing;
  /** The first value of each channel. */
  first: number[];
  sha256: string;
}

const { cases } = readGolden<{ cases: Case[] }>("preprocessing");
const work = mkdtempSync(join(tmpdir(), "fovea-preprocess-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** `picture` of test/golden/preprocessing.py. */
function picture(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + Math.floor(i / 97) ** 2) % 256);
}

function sha256(values: Float32Array): string {
  return createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex");
}

describe("preprocessing of published weights", () => {
  it.each(cases)(
    "of $width x $height is torchvision's, bit for bit: $preprocessing.resize to $preprocessing.crop",
    (golden) => {
      const { width, height, preprocessing } = golden;
      const values = preprocessImage({ width, height, pixels: picture(width, height) }, preprocessing);
      const plane = preprocessing.crop ** 2;
      expect([0, 1, 2].map((c) => values[c * plane])).toEqual(golden.first.map(Math.fround));
      expect(sha256(values)).toBe(golden.sha256);
    },
  );

  it("reads files, and names the one that it cannot read", async () => {
    const [golden] = cases;
    if (!golden) throw new Error("there are no golden values");
    const { width, height, preprocessing } = golden;
    const path = join(work, "picture.png");
    await sharp(picture(width, height), { raw: { width, height, channels: 3 } }).toFile(path);
    expect(sha256(await readPreprocessed(path, preprocessing))).toBe(golden.sha256);
    await expect(readPreprocessed(join(work, "none.png"), preprocessing)).rejects.toThrow("none.png: ");
  });
});
