import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGolden } from "../../../test/support/files.js";
import { outputSize, withImageSize } from "./output-size.js";
import { parsePipeline, type TransformInput } from "./schema.js";

const sizeOf = (transforms: TransformInput[], input?: [width: number, height: number]) =>
  outputSize(parsePipeline(transforms), input && { width: input[0], height: input[1] });

describe("outputSize", () => {
  it("of a shorter side is torchvision's", () => {
    const { resized } = readGolden<{
      resized: { width: number; height: number; size: number; to: [number, number] }[];
    }>("augmentation");
    for (const { width, height, size, to } of resized) {
      expect(sizeOf([{ name: "resize", size }], [width, height])).toEqual({ width: to[0], height: to[1] });
    }
  });

  it("is that of the last transform that decides, whatever goes in", () => {
    expect(sizeOf([{ name: "resize", size: [20, 30] }])).toEqual({ width: 30, height: 20 });
    expect(
      sizeOf([
        { name: "resize", size: 99 },
        { name: "centerCrop", size: [7, 8] },
      ]),
    ).toEqual({ width: 8, height: 7 });
    expect(sizeOf([{ name: "randomResizedCrop", size: 32 }, { name: "randAugment" }])).toEqual({
      width: 32,
      height: 32,
    });
    expect(
      sizeOf([
        { name: "randomCrop", size: 32, padding: 4 },
        { name: "pad", padding: [1, 2, 3, 4] },
      ]),
    ).toEqual({
      width: 36,
      height: 38,
    });
  });

  it("depends on the input where none decides", () => {
    const flips: TransformInput[] = [{ name: "randomHorizontalFlip" }, { name: "pad", padding: 2 }];
    expect(sizeOf(flips)).toBeUndefined();
    expect(sizeOf(flips, [5, 6])).toEqual({ width: 9, height: 10 });
    expect(sizeOf([{ name: "resize", size: 32 }])).toBeUndefined();
  });

  it("refuses crops of images that are too small, and turns of oblongs", () => {
    const crop: TransformInput[] = [{ name: "randomCrop", size: 32, padding: 1 }];
    expect(sizeOf(crop, [30, 30])).toEqual({ width: 32, height: 32 });
    expect(() => sizeOf(crop, [29, 40])).toThrow("transform 1 (randomCrop): 32x32 pixels cannot be cut out of 31x42");
    const turn: TransformInput[] = [{ name: "resize", size: [8, 9] }, { name: "randomQuarterTurn" }];
    expect(() => sizeOf(turn)).toThrow("transform 2 (randomQuarterTurn): the images must be square, not 9x8");
    expect(sizeOf([{ name: "randomQuarterTurn" }], [9, 9])).toEqual({ width: 9, height: 9 });
  });
});

describe("withImageSize", () => {
  const resized = (transforms: TransformInput[], width: number, height = width) =>
    withImageSize(parsePipeline(transforms), { width, height });

  it("changes what is around in proportion", () => {
    expect(
      resized([{ name: "resize", size: 256 }, { name: "centerCrop", size: 224 }, { name: "randAugment" }], 112),
    ).toMatchObject([{ size: 128 }, { size: 112 }, { name: "randAugment", magnitude: 9 }]);
    expect(resized([{ name: "randomCrop", size: 32, padding: 4 }], 64)).toMatchObject([{ size: 64, padding: 8 }]);
    expect(resized([{ name: "randomCrop", size: 32, padding: [4, 4, 0, 4] }], 48, 64)).toMatchObject([
      { size: [64, 48], padding: [6, 8, 0, 8] },
    ]);
    expect(resized([{ name: "resize", size: [90, 90] }, { name: "randomQuarterTurn" }], 45)[0]).toMatchObject({
      size: [45, 45],
    });
  });

  it("gives the size exactly, and what is valid stays valid", () => {
    const side = fc.integer({ min: 8, max: 400 });
    const padding = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(side, side, side, side, padding, padding, (from, high, width, height, inner, outer) => {
        const pipeline: TransformInput[] = [
          { name: "resize", size: [2 * high, 2 * from] },
          { name: "pad", padding: inner },
          { name: "randomCrop", size: [high, from], padding: inner },
          { name: "pad", padding: [outer, 0, 1, outer] },
        ];
        const changed = resized(pipeline, width, height);
        expect(outputSize(changed)).toEqual({ width, height });
        expect(parsePipeline(changed)).toEqual(changed);
        expect(resized(pipeline, from + outer + 1, high + outer)).toEqual(
          parsePipeline(pipeline).map((transform) =>
            transform.name === "pad" || transform.name === "randomCrop"
              ? expect.objectContaining({ name: transform.name })
              : transform,
          ),
        );
      }),
    );
  });

  it("needs a transform that decides", () => {
    expect(() => resized([{ name: "randomHorizontalFlip" }, { name: "resize", size: 9 }], 8)).toThrow(
      "no transform decides the size",
    );
  });
});
