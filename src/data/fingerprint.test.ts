import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fingerprint, outlineDistance } from "./fingerprint.js";
import type { Image } from "./image-set.js";

const Golden = z.array(
  z.object({ width: z.int(), height: z.int(), hashes: z.array(z.string()).length(8), outline: z.array(z.int()) }),
);
const golden = Golden.parse(JSON.parse(readFileSync(new URL("./fixtures/fingerprint.json", import.meta.url), "utf8")));

describe("fingerprint", () => {
  it.each(golden)("of $width x $height pixels is that of numpy", ({ width, height, hashes, outline }) => {
    const found = fingerprint(picture(width, height), 8);
    expect(hashes.map((_, o) => bitsOf(found?.hashes.subarray(2 * o, 2 * o + 2)))).toEqual(hashes);
    expect([...(found?.outline ?? [])]).toEqual(outline);
    expect(bitsOf(fingerprint(picture(width, height))?.hashes)).toBe(hashes[0]);
  });

  it("of a flat picture there is none, whatever its colour", () => {
    expect(fingerprint(solid(40, 30, [200, 30, 90]))).toBeUndefined();
    expect(fingerprint(solid(1, 1, [0, 0, 0]))).toBeUndefined();
    const nearly = solid(64, 64, [128, 128, 128]);
    nearly.pixels[0] = 255;
    expect(fingerprint(nearly)).toBeUndefined();
  });

  it("takes the narrowest pictures", () => {
    const line = { width: 1, height: 40, pixels: Uint8Array.from({ length: 120 }, (_, i) => 2 * Math.floor(i / 3)) };
    const found = fingerprint(line);
    // Brighter downwards, the same across.
    expect(found?.outline.slice(0, 8)).toEqual(new Int8Array(8).fill(found?.outline[0] ?? 0));
    expect(found?.outline[63]).toBeGreaterThan(found?.outline[0] ?? 0);
  });
});

describe("outlineDistance", () => {
  it("is the root of the mean squared difference, in standard deviations", () => {
    const outlines = new Int8Array(128);
    outlines.fill(32, 64);
    expect(outlineDistance(outlines, 0, 1)).toBe(1);
    expect(outlineDistance(outlines, 1, 1)).toBe(0);
  });

  it("turns the first as a picture is turned", () => {
    const plain = picture(64, 64);
    for (let o = 0; o < 8; o++) {
      const outlines = new Int8Array(128);
      outlines.set(fingerprint(plain)?.outline ?? []);
      outlines.set(fingerprint(turned(plain, o))?.outline ?? [], 64);
      expect(outlineDistance(outlines, 0, 1, o)).toBe(0);
      if (o > 0) expect(outlineDistance(outlines, 0, 1)).toBeGreaterThan(0.5);
    }
  });
});

/** By the formula of `fixtures/fingerprint.py`. */
function picture(width: number, height: number): Image {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const across = Math.floor((Math.floor((700 * x) / width) * x) / width);
      const down = Math.floor((900 * y) / height);
      for (let c = 0; c < 3; c++, p++) pixels[p] = (across + down + 3 * ((x * y) % 29) + 40 * c) % 256;
    }
  }
  return { width, height, pixels };
}

function turned({ width, pixels }: Image, orientation: number): Image {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = [orientation & 1 ? width - 1 - x : x, orientation & 2 ? width - 1 - y : y];
      const from = orientation & 4 ? column * width + row : row * width + column;
      out.set(pixels.subarray(3 * from, 3 * from + 3), 3 * (y * width + x));
    }
  }
  return { width, height: width, pixels: out };
}

function solid(width: number, height: number, colour: readonly number[]): Image {
  return { width, height, pixels: Uint8Array.from({ length: 3 * width * height }, (_, i) => colour[i % 3] ?? 0) };
}

function bitsOf(words: Uint32Array | undefined): string {
  return Array.from({ length: 64 }, (_, i) => ((words?.[i >> 5] ?? 0) >>> (i & 31)) & 1).join("");
}
