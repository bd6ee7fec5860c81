import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, readImage } from "./decode.js";

/** Raw pixels for sharp to encode. */
function raw(values: readonly number[], width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp {
  return sharp(Uint8Array.from(values), { raw: { width, height, channels } });
}

const RGB = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 200, 100, 50, 0, 0, 0];

describe("decodeImage", () => {
  it.each([
    ["PNG", (image: Sharp) => image.png()],
    ["palette PNG", (image: Sharp) => image.png({ palette: true })],
    ["TIFF", (image: Sharp) => image.tiff({ compression: "lzw" })],
    ["WebP", (image: Sharp) => image.webp({ lossless: true })],
  ])("reads %s to the byte", async (_, encode) => {
    const image = await decodeImage(await encode(raw(RGB, 3, 2, 3)).toBuffer());
    expect([image.width, image.height]).toEqual([3, 2]);
    expect([...image.pixels]).toEqual(RGB);
  });

  it("reads JPEG to within its loss", async () => {
    const flat = Array.from({ length: 16 * 16 }, () => [180, 90, 140]).flat();
    const image = await decodeImage(await raw(flat, 16, 16, 3).jpeg({ quality: 95 }).toBuffer());
    for (const [i, value] of image.pixels.entries()) expect(Math.abs(value - (flat[i] ?? 0))).toBeLessThanOrEqual(3);
  });

  it("repeats grey", async () => {
    const image = await decodeImage(await raw([0, 77, 255, 128], 2, 2, 1).toColourspace("b-w").png().toBuffer());
    expect([...image.pixels]).toEqual([0, 77, 255, 128].flatMap((v) => [v, v, v]));
  });

  it("drops alpha without blending, of colour and of grey", async () => {
    const colour = await raw([255, 0, 0, 0, 10, 20, 30, 128], 2, 1, 4).png().toBuffer();
    expect([...(await decodeImage(colour)).pixels]).toEqual([255, 0, 0, 10, 20, 30]);
    const grey = await raw([200, 0, 50, 128], 2, 1, 2).toColourspace("b-w").png().toBuffer();
    expect((await sharp(grey).metadata()).channels).toBe(2);
    expect([...(await decodeImage(grey)).pixels]).toEqual([200, 200, 200, 50, 50, 50]);
  });

  it.each(["rgb16", "grey16"] as const)("keeps the high byte of %s", async (space) => {
    const channels = space === "rgb16" ? 3 : 1;
    const values = Uint16Array.of(0x1234, 0xff00, 0x00ff, 0x8001, 0x7fff, 0xffff);
    const image = sharp(values, { raw: { width: 6 / channels, height: 1, channels } });
    const bytes = await image.toColourspace(space).png().toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe("ushort");
    const high = [...values].map((value) => value >> 8);
    expect([...(await decodeImage(bytes)).pixels]).toEqual(channels === 3 ? high : high.flatMap((v) => [v, v, v]));
  });

  it("applies the EXIF orientation", async () => {
    // 6: the camera was held upright, the picture must be turned clockwise.
    const bytes = await raw(RGB, 3, 2, 3).withMetadata({ orientation: 6 }).tiff({ compression: "lzw" }).toBuffer();
    const png = await raw(RGB, 3, 2, 3).withMetadata({ orientation: 6 }).png().toBuffer();
    const turned = [10, 20, 30, 255, 0, 0, 200, 100, 50, 0, 255, 0, 0, 0, 0, 0, 0, 255];
    for (const encoded of [bytes, png]) {
      const image = await decodeImage(encoded);
      expect([image.width, image.height]).toEqual([2, 3]);
      expect([...image.pixels]).toEqual(turned);
    }
  });

  it("keeps the numbers of an image that has a colour profile", async () => {
    const bytes = await raw(RGB, 3, 2, 3).withIccProfile("p3").png().toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    expect((await sharp(bytes).metadata()).icc).toBeDefined();
    expect([...(await decodeImage(bytes)).pixels]).toEqual([...stored]);
  });

  it.each(["png", "jpeg", "webp", "tiff"] as const)("refuses a truncated %s", async (format) => {
    const noisy = Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const bytes = await raw(noisy, 64, 64, 3).toFormat(format).toBuffer();
    await expect(decodeImage(bytes)).resolves.toBeDefined();
    for (const part of [0.5, 0.9]) {
      await expect(decodeImage(bytes.subarray(0, Math.floor(bytes.length * part)))).rejects.toThrow();
    }
  });

  it("refuses a PNG whose data do not match their checksum", async () => {
    const bytes = await raw(RGB, 3, 2, 3).png().toBuffer();
    const at = bytes.indexOf("IDAT") + 8;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await expect(decodeImage(bytes)).rejects.toThrow();
  });
});

describe("readImage", () => {
  it("names a file that is not there, or no image", async () => {
    const size = { width: 4, height: 4 };
    await expect(readImage("/nowhere/a.png", size)).rejects.toThrow("/nowhere/a.png: there is no such file");
    const source = new URL(import.meta.url).pathname;
    await expect(readImage(source, size)).rejects.toThrow(/decode\.test\.ts: is not a readable image \(.*unsupported/);
  });
});
