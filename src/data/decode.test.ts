import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { FileError, FoveaError } from "../errors.js";
import { decodeImage, readImage } from "./decode.js";
import { nativeImages } from "./native.js";

const golden = z
  .record(z.string(), z.object({ file: z.base64(), width: z.int(), height: z.int(), sha256: z.string() }))
  .parse(JSON.parse(readFileSync(new URL("fixtures/decoding.json", import.meta.url), "utf8")));

/** A file of the fixtures. */
function fixture(name: string): Buffer {
  return Buffer.from(golden[name]?.file ?? "", "base64");
}

/** A chunk of a PNG. */
function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(name, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** A grey PNG of which only the header is sound. */
function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.alloc(1000)))]);
}

/** Raw pixels for sharp to encode. */
function raw(values: readonly number[], width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp {
  return sharp(Uint8Array.from(values), { raw: { width, height, channels } });
}

describe("PNG and JPEG, against Pillow", () => {
  it.each(Object.keys(golden))("%s", async (name) => {
    const { width, height, sha256 } = golden[name] as (typeof golden)[string];
    const image = await decodeImage(fixture(name));
    expect([image.width, image.height]).toEqual([width, height]);
    expect(createHash("sha256").update(image.pixels).digest("hex")).toBe(sha256);
    const format = name.endsWith(".png") ? "png" : "jpeg";
    expect(nativeImages().header(fixture(name))).toEqual({ format, width, height });
  });
});

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
});

describe("damaged PNG and JPEG", () => {
  const kinds = ["rgb-8.png", "palette-4-interlaced.png", "420.jpg", "420-progressive.jpg", "cmyk.jpg"];

  it.each(kinds)("%s cut short anywhere is an error, or whole", async (name) => {
    const bytes = fixture(name);
    // Without the mark of its end, or within that, no pixel is missing.
    const end = name.endsWith(".png") ? 12 : name.includes("progressive") ? 0 : 2;
    let refused = 0;
    for (let length = 0; length < bytes.length; length++) {
      const error = await decodeImage(bytes.subarray(0, length)).then(
        (image) => {
          expect(length).toBeGreaterThanOrEqual(bytes.length - end);
          expect(createHash("sha256").update(image.pixels).digest("hex")).toBe(golden[name]?.sha256);
        },
        (error) => error,
      );
      if (error === undefined) continue;
      refused++;
      expect(error).toBeInstanceOf(FoveaError);
      expect(error.message).toMatch(/^is not a readable image \(/);
    }
    expect(refused).toBeGreaterThanOrEqual(bytes.length - end);
  });

  it("no damaged byte ends the process", async () => {
    let refused = 0;
    for (const name of kinds) {
      const bytes = fixture(name);
      for (let at = 3; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
        await nativeImages()
          .decode(damaged)
          .catch(() => refused++);
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  it("checksums are those of the data", async () => {
    const bytes = fixture("rgb-8.png");
    for (const name of ["IHDR", "IDAT"]) {
      const damaged = Buffer.from(bytes);
      const end = damaged.indexOf(name) + 4 + damaged.readUInt32BE(damaged.indexOf(name) - 4);
      damaged[end] = (damaged[end] ?? 0) ^ 1;
      await expect(decodeImage(damaged)).rejects.toThrow(name === "IHDR" ? "the header is damaged" : "CRC");
    }
    // Of a comment nobody cares.
    const text = fixture("rgb-8-text.png");
    const end = text.indexOf("tEXt") + 4 + text.readUInt32BE(text.indexOf("tEXt") - 4);
    text[end] = (text[end] ?? 0) ^ 1;
    await expect(decodeImage(text)).resolves.toBeDefined();
  });

  it("a wrong restart or code within the data of a JPEG", async () => {
    const bytes = fixture("444.jpg");
    const middle = Math.floor(bytes.length * 0.7);
    const damaged = Buffer.concat([bytes.subarray(0, middle), Buffer.from([0xff, 0xd9]), bytes.subarray(middle)]);
    await expect(decodeImage(damaged)).rejects.toThrow("premature end of data segment");
  });

  it("an image of too many pixels is refused by its header", async () => {
    const before = process.memoryUsage.rss();
    await expect(decodeImage(pngHeader(30_000, 30_000))).rejects.toThrow(
      "is not a readable image (it has 30000x30000 pixels, more than the 178956970 that are decoded)",
    );
    await expect(decodeImage(pngHeader(13_378, 13_377))).rejects.toThrow("more than the");
    expect(() => nativeImages().header(pngHeader(2 ** 31 - 1, 2 ** 31 - 1))).toThrow("2147483647x2147483647");
    const jpeg = fixture("444.jpg");
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    await expect(decodeImage(jpeg)).rejects.toThrow("it has 65000x65000 pixels");
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 2 ** 20);
    // Of the other formats sharp counts.
    const tiff = await sharp({ create: { width: 14_000, height: 13_000, channels: 3, background: "black" } })
      .tiff({ compression: "deflate" })
      .toBuffer();
    await expect(decodeImage(tiff)).rejects.toThrow("exceeds pixel limit");
  });
});

describe("files", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fovea-decode-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("reads a file by its path, whatever its name says", async () => {
    const path = join(folder, "größe 細胞.png");
    writeFileSync(path, fixture("444.jpg"));
    const image = await readImage(path);
    expect(createHash("sha256").update(image.pixels).digest("hex")).toBe(golden["444.jpg"]?.sha256);
    expect(nativeImages().header(path)).toEqual({ format: "jpeg", width: 83, height: 61 });
    const tiff = join(folder, "image.tiff");
    writeFileSync(tiff, await raw(RGB, 3, 2, 3).tiff({ compression: "lzw" }).toBuffer());
    expect([...(await readImage(tiff)).pixels]).toEqual(RGB);
    expect(nativeImages().header(tiff)).toBeUndefined();
  });

  it("finds a header behind much else", () => {
    const jpeg = fixture("orientation-6.jpg");
    const comment = Buffer.alloc(60_000);
    comment.set([0xff, 0xfe, (comment.length - 2) >> 8, (comment.length - 2) & 255]);
    const long = join(folder, "long.jpg");
    writeFileSync(long, Buffer.concat([jpeg.subarray(0, 2), comment, comment, comment, jpeg.subarray(2)]));
    expect(nativeImages().header(long)).toEqual({ format: "jpeg", width: 9, height: 13 });

    const png = fixture("orientation-6-after.png");
    const idat = png.indexOf("IDAT") - 4;
    const turned = join(folder, "turned.png");
    const text = chunk("tEXt", Buffer.alloc(100_000, "a\0"));
    writeFileSync(turned, Buffer.concat([png.subarray(0, idat), text, png.subarray(idat)]));
    expect(nativeImages().header(turned)).toEqual({ format: "png", width: 3, height: 5 });
  });

  it("says what is wrong with a path", async () => {
    const at = (name: string, content?: string) => {
      const path = join(folder, name);
      if (content !== undefined) writeFileSync(path, content);
      return path;
    };
    mkdirSync(at("folder.png"));
    symlinkSync("nowhere", at("link.png"));
    symlinkSync("itself.png", at("itself.png"));
    execFileSync("mkfifo", [at("pipe.png")]);
    truncateSync(at("large.png", ""), 2 ** 30 + 1);
    const reasons: [path: string, reason: string][] = [
      ["/nowhere/a.png", "there is no such file"],
      [`${at("a.png", "")}/b.png`, "there is no such file"],
      ["a\0.png", "there is no such file"],
      [at("empty.png", ""), "is empty"],
      [at("folder.png"), "is a folder"],
      [at("link.png"), "is a link to nowhere"],
      [at("itself.png"), "is a link that leads back to itself"],
      [at("pipe.png"), "is a pipe, not a file"],
      ["/dev/zero", "is a device, not a file"],
      [at("large.png"), "is larger than 1 GiB, too large for an image"],
      [
        at("text.png", "This is no image.\n"),
        "is not a readable image (Input buffer contains unsupported image format)",
      ],
    ];
    if (process.getuid?.() !== 0) {
      chmodSync(at("secret.png", "secret"), 0);
      reasons.push([at("secret.png"), "may not be read (permission denied)"]);
    }
    for (const [path, reason] of reasons) {
      const error = await readImage(path).catch((error) => error);
      expect(error).toBeInstanceOf(FileError);
      expect(error.message).toBe(`${path}: ${reason}`);
      await expect(decodeImage(path)).rejects.toThrow(reason);
      if (!reason.includes("unsupported")) expect(() => nativeImages().header(path)).toThrow(reason);
    }
  });
});
