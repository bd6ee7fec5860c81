import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../errors.js";
import { type GridCell, imageGrid } from "./image-grid.js";

describe("imageGrid", () => {
  it("shows the forms of each sample side by side, and samples one after the other", async () => {
    const rows = [0, 1, 2].map((i) => ({
      label: "til",
      name: `til/${i}.png`,
      cells: [cell([200, 0, 0]), cell([0, 200, 0]), cell([0, 0, 50 * i])],
    }));
    const { at, width, height } = await pixelsOf(await imageGrid(rows, { size: 64 }));
    // Two samples across: each with a head of 24, images of 64 with gaps of 8, one line of 15, and 8 and 20 of space.
    const [right, down] = [3 * 72 - 8 + 20, 24 + 64 + 15 + 8 + 20];
    expect([width, height]).toEqual([20 + 2 * right, 20 + 2 * down]);
    for (let i = 0; i < 3; i++) {
      const [x, y] = [52 + (i % 2) * right, 20 + 24 + 32 + Math.floor(i / 2) * down];
      expect([at(x, y), at(x + 72, y), at(x + 144, y)]).toEqual([
        [200, 0, 0],
        [0, 200, 0],
        [0, 0, 50 * i],
      ]);
      expect(at(x + 36, y)).toEqual([255, 255, 255]);
    }
    expect(at(52 + right, 76 + down)).toEqual([255, 255, 255]);
  });

  it("puts samples of one form beside each other", async () => {
    const rows = Array.from({ length: 12 }, () => ({ label: "a", name: "b", cells: [cell([1, 2, 3])] }));
    const { width, height } = await pixelsOf(await imageGrid(rows, { size: 64 }));
    expect(width / height).toBeGreaterThan(1);
    expect(width / height).toBeLessThan(2.5);
  });

  it("writes what was done beneath, in as many lines as it takes up to six", async () => {
    const inkBelow = async (changes: readonly string[]) => {
      const rows = [{ label: "tumor", name: "x", cells: [{ ...cell([9, 9, 9]), changes }] }];
      const { at, width, height } = await pixelsOf(await imageGrid(rows, { size: 128 }));
      const lines = Math.round((height - 20 - 24 - 128 - 8 - 20) / 15);
      const ink = Array.from({ length: lines }, (_, line) => {
        let count = 0;
        for (let y = 0; y < 15; y++) {
          for (let x = 0; x < width; x++) count += (at(x, 172 + 15 * line + y)[0] ?? 255) < 160 ? 1 : 0;
        }
        return count;
      });
      return ink;
    };
    expect(await inkBelow([])).toHaveLength(1);
    const two = await inkBelow(["flipped", "turned by 90 degrees"]);
    expect(two.length).toBe(3);
    for (const ink of two) expect(ink).toBeGreaterThan(20);
    expect(await inkBelow(Array.from({ length: 40 }, (_, i) => `brightness ${i}`))).toHaveLength(7);
  });

  it("takes names of any length and in any script", async () => {
    const rows = [{ label: "long ".repeat(90), name: "細胞\n<&>\u0000", cells: [cell([0, 0, 0])] }];
    expect((await pixelsOf(await imageGrid(rows))).width).toBe(200);
  });

  it("rejects what it cannot show", async () => {
    const row = (count: number) => ({ label: "", name: "", cells: new Array(count).fill(cell([0, 0, 0])) });
    await expect(imageGrid([])).rejects.toThrow(ArgumentError);
    await expect(imageGrid([row(250), row(251)])).rejects.toThrow(/1 to 500 images, not 501/);
    await expect(imageGrid([{ ...row(0), cells: [{ ...cell([0, 0, 0]), width: 9 }] }])).rejects.toThrow(/image 0: 48/);
    await expect(imageGrid([row(1)], { size: 20 })).rejects.toThrow(/size is 20/);
  });
});

function cell(colour: readonly number[]): GridCell {
  return {
    title: "as it is",
    width: 4,
    height: 4,
    pixels: Uint8Array.from({ length: 48 }, (_, i) => colour[i % 3] ?? 0),
  };
}

async function pixelsOf(png: Uint8Array) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  return { at, width: info.width, height: info.height };
}
