import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { type Prediction, predictionSheet } from "./sheet.js";

describe("predictionSheet", () => {
  const blue = (fields: Partial<Prediction>): Prediction => ({
    pixels: Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => (i % 3 === 2 ? 200 : 0)),
    width: 4,
    height: 4,
    predicted: "tumor",
    probability: 0.9,
    ...fields,
  });

  it("shows each image, and frames in red what is wrong", async () => {
    const items = [blue({ truth: "tumor" }), blue({ truth: "til" }), blue({})];
    const { at, width, height } = await pixelsOf(await predictionSheet(items, { columns: 2, size: 64 }));
    // Two columns and two rows of 64 with 44 for the caption and gaps of 20.
    expect([width, height]).toEqual([20 + 2 * 84, 20 + 2 * 128]);
    expect(at(52, 52)).toEqual([0, 0, 200]);
    expect(at(52 + 84, 52)).toEqual([0, 0, 200]);
    expect(at(52, 52 + 128)).toEqual([0, 0, 200]);
    expect(at(52 + 84, 52 + 128)).toEqual([255, 255, 255]);
    expect(at(19, 40)).toEqual([255, 255, 255]);
    expect(at(84 + 19, 40)).toEqual([0xc6, 0x28, 0x28]);
    expect(at(19, 128 + 40)).toEqual([255, 255, 255]);
  });

  it("writes beneath each image", async () => {
    const { at } = await pixelsOf(await predictionSheet([blue({ truth: "til" })], { size: 128 }));
    const ink = (top: number, bottom: number) => {
      let count = 0;
      for (let y = top; y < bottom; y++) for (let x = 20; x < 148; x++) count += (at(x, y)[1] ?? 255) < 128 ? 1 : 0;
      return count;
    };
    expect(ink(154, 170)).toBeGreaterThan(100);
    expect(ink(174, 188)).toBeGreaterThan(20);
    expect(ink(189, 212)).toBe(0);
  });

  it("takes names of any length and in any script", async () => {
    const items = [blue({ predicted: "a very long name of a class ".repeat(20), truth: "細胞 <&>\u0000" })];
    expect((await pixelsOf(await predictionSheet(items))).width).toBe(200);
  });

  it("rejects what it cannot show", async () => {
    await expect(predictionSheet([])).rejects.toThrow(ArgumentError);
    await expect(predictionSheet(new Array(501).fill(blue({})))).rejects.toThrow(/1 to 500 images, not 501/);
    await expect(predictionSheet([blue({ width: 5 })])).rejects.toThrow(/image 0: 48 bytes are not 5 x 4 pixels/);
    await expect(predictionSheet([blue({})], { size: 0 })).rejects.toThrow(/size is 0/);
    await expect(predictionSheet([blue({})], { columns: 1.5 })).rejects.toThrow(/columns is 1.5/);
  });
});

async function pixelsOf(png: Uint8Array) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  return { at, width: info.width, height: info.height };
}
