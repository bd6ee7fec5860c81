import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ShapeError } from "../errors.js";
import { type ResizeKernel, resizeRgb } from "./resize.js";

/** Bytes of a linear congruential generator (that of C's rand), which is as quickly written in Python. */
function noise(length: number): Uint8Array {
  let state = 12345n;
  return Uint8Array.from({ length }, () => {
    state = (state * 1103515245n + 12345n) & 0x7fffffffn;
    return Number((state >> 16n) & 255n);
  });
}

// [width, height, new width, new height, kernel, SHA-256 of Image.frombytes("RGB", …).resize(…).tobytes()] by Pillow 12.3.0
const PILLOW: readonly [number, number, number, number, ResizeKernel, string][] = [
  [27, 27, 90, 90, "bilinear", "b6c049f9f3f06c159652ff77de68b1d4c7386a386ce02426c552d8a3f2a8eeac"],
  [27, 27, 90, 90, "bicubic", "64ce3cd1b81aa41ed8b3cfbd14ac56c85e83df185e75dfcb71f11a78a7d3549d"],
  [90, 90, 27, 27, "bilinear", "a56d405ef7a6d45d68f95cfc9e7e548e8490591bd0aae81c2952dbbdfec79f9d"],
  [90, 90, 27, 27, "bicubic", "34aa1435544bf837e0bdd1dbbcdcf2b66f285b1453ab492a629921faab74a0ec"],
  [13, 7, 5, 20, "bilinear", "36cca782c50dd07d1cd259a7acec82bc19a6c1c86317c7295dde97de544dad11"],
  [13, 7, 5, 20, "bicubic", "f31d71c8a87d9dec47d16cce3bd21a379e5d4207a087c3b87ca84ffc60028d7f"],
  [200, 150, 90, 90, "bilinear", "15f30fa0d7274033944b1aa887daf4aff3262e3715152676045de64b62838005"],
  [200, 150, 90, 90, "bicubic", "8f6a7dcfdafd1dcf1552e8c661b586d3ed98e5aa6a03f6e5be25b48e75a35ac7"],
  [8, 8, 8, 3, "bilinear", "8b67678d7f715adab05bdd4f45c2673fb28ad4c1240eb20ebe53bbc4b3640709"],
  [8, 8, 8, 3, "bicubic", "7cebf0b8df1d34259c1a1e40b9260a854be293796a9685a11ee66c7a4511c296"],
];

describe("resizeRgb", () => {
  it.each(PILLOW)("%dx%d to %dx%d, %s: the bytes of Pillow", (width, height, newWidth, newHeight, kernel, digest) => {
    const resized = resizeRgb(
      noise(width * height * 3),
      { width, height },
      { width: newWidth, height: newHeight },
      kernel,
    );
    expect(resized).toHaveLength(newWidth * newHeight * 3);
    expect(createHash("sha256").update(resized).digest("hex")).toBe(digest);
  });

  it("leaves an image of the right size alone, and a flat one flat", () => {
    const pixels = noise(5 * 4 * 3);
    expect(resizeRgb(pixels, { width: 5, height: 4 }, { width: 5, height: 4 })).toBe(pixels);
    const white = resizeRgb(new Uint8Array(7 * 7 * 3).fill(255), { width: 7, height: 7 }, { width: 30, height: 3 });
    expect(white.every((value) => value === 255)).toBe(true);
  });

  it("refuses pixels that are not as many as the size says", () => {
    expect(() => resizeRgb(new Uint8Array(10), { width: 2, height: 2 }, { width: 3, height: 3 })).toThrow(ShapeError);
  });
});
