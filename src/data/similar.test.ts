import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { decodeImage } from "./decode.js";
import { fingerprint } from "./fingerprint.js";
import type { Image } from "./image-set.js";
import { SimilarPictures } from "./similar.js";

describe("SimilarPictures", () => {
  it("finds every pair that comparing all with all finds", () => {
    for (const transformed of [false, true]) {
      // Families of pictures that go apart little by little, so that pairs lie on both sides of the thresholds.
      const images = Array.from({ length: 240 }, (_, i) => blobs(Math.floor(i / 12), { noise: i % 12, salt: i }));
      const similar = collect(images, transformed);
      const expected: string[] = [];
      for (let a = 0; a < images.length; a++) {
        for (let b = 0; b < a; b++) {
          if (similar.relation(a, b) !== undefined) expected.push(`${a} ${b}`);
        }
      }
      const found = pairsOf(similar);
      expect(new Set(found).size).toBe(found.length);
      expect(found.sort()).toEqual(expected.sort());
      expect(found.length).toBeGreaterThan(300);
      expect(found.length).toBeLessThan(20 * 66);
    }
  });

  it("knows pictures again that were rescaled or recompressed", async () => {
    const images: Image[] = [];
    for (let i = 0; i < 20; i++) {
      const original = blobs(i, { width: 120, height: 90 });
      images.push(original);
      images.push(await copy(original, (image) => image.jpeg({ quality: 60 })));
      images.push(await copy(original, (image) => image.resize(57, 43, { fit: "fill" }).png()));
      images.push(await copy(original, (image) => image.resize(300, 225, { fit: "fill" }).jpeg({ quality: 75 })));
    }
    const groups = new Set(pairsOf(collect(images, false)));
    for (let a = 0; a < images.length; a++) {
      for (let b = 0; b < a; b++) {
        expect([a, b, groups.has(`${a} ${b}`)]).toEqual([a, b, a >> 2 === b >> 2]);
      }
    }
  });

  it("knows turned and flipped ones only when asked to, and says how they are turned", async () => {
    const original = blobs(3, { width: 80, height: 60 });
    const images = [
      original,
      await copy(original, (image) => image.flop().png()),
      await copy(original, (image) => image.flip().jpeg({ quality: 80 })),
      await copy(original, (image) => image.rotate(90).png()),
    ];
    expect(pairsOf(collect(images, false))).toEqual([]);
    const similar = collect(images, true);
    expect(pairsOf(similar)).toEqual(["1 0", "2 0", "2 1", "3 0", "3 1", "3 2"]);
    expect([1, 2, 3].map((b) => similar.relation(0, b))).toEqual([1, 2, 5]);
    expect(similar.relation(0, 0)).toBe(0);
  });

  it("tells a pair once, though several turns of a symmetrical picture are alike", () => {
    const ring = waves((x, y) => 50 * Math.cos(12 * Math.hypot(x - 0.5, y - 0.5)));
    expect(pairsOf(collect([ring, ring], true))).toEqual(["1 0"]);
  });

  it("does not take pictures for one whose hashes are equal but whose outlines are not", () => {
    const [across, down] = [60, 12].map((much) =>
      waves((x, y) => much * Math.cos(Math.PI * x) + (72 - much) * Math.cos(Math.PI * y)),
    );
    if (!across || !down) throw new Error("there are two");
    expect(fingerprint(across)?.hashes).toEqual(fingerprint(down)?.hashes);
    expect(pairsOf(collect([across, down], false))).toEqual([]);
  });

  it("leaves out flat pictures, those not to be considered, and pairs that are decided", () => {
    const flat = { width: 8, height: 8, pixels: new Uint8Array(192).fill(200) };
    const one = blobs(1);
    const similar = collect([flat, flat, one, one, one], false);
    expect(pairsOf(similar)).toEqual(["3 2", "4 2", "4 3"]);
    expect(similar.relation(0, 1)).toBeUndefined();
    const found: number[] = [];
    similar.pairs((a, b) => found.push(a, b), { consider: (i) => i !== 2 });
    expect(found).toEqual([4, 3]);
    similar.pairs((a, b) => found.push(a, b), { decided: () => true });
    expect(found).toEqual([4, 3]);
  });
});

function collect(images: readonly Image[], transformed: boolean): SimilarPictures {
  const similar = new SimilarPictures(images.length, { transformed });
  for (const [i, image] of images.entries()) similar.add(i, image);
  return similar;
}

function pairsOf(similar: SimilarPictures): string[] {
  const found: string[] = [];
  similar.pairs((a, b) => found.push(`${a} ${b}`));
  return found.sort();
}

interface BlobOptions {
  width?: number;
  height?: number;
  /** Grey levels of a second, own set of blobs. */
  noise?: number;
  salt?: number;
}

/** Soft spots of several colours on grey, other ones for every seed. */
function blobs(seed: number, { width = 32, height = 32, noise = 0, salt = 0 }: BlobOptions = {}): Image {
  const values = new Float64Array(width * height * 3).fill(128);
  const paint = (random: Random, amount: number) => {
    for (let k = 0; k < 24; k++) {
      const [x, y, r] = [random.uniform(), random.uniform(), random.uniform(0.04, 0.25)];
      const colour = Array.from({ length: 3 }, () => random.uniform(-amount, amount));
      for (let p = 0; p < values.length; p++) {
        const dx = ((Math.floor(p / 3) % width) + 0.5) / width - x;
        const dy = (Math.floor(p / (3 * width)) + 0.5) / height - y;
        values[p] = (values[p] ?? 0) + (colour[p % 3] ?? 0) * Math.exp(-(dx * dx + dy * dy) / (2 * r * r));
      }
    }
  };
  paint(new Random("blobs", seed), 60);
  if (noise > 0) paint(new Random("noise", salt), noise);
  return { width, height, pixels: Uint8Array.from(values, (v) => Math.min(255, Math.max(0, Math.round(v)))) };
}

/** A grey picture whose levels, around 128, are a function of the place in [0, 1). */
function waves(level: (x: number, y: number) => number): Image {
  const side = 64;
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const p = Math.floor(i / 3);
    return Math.round(128 + level(((p % side) + 0.5) / side, (Math.floor(p / side) + 0.5) / side));
  });
  return { width: side, height: side, pixels };
}

async function copy({ width, height, pixels }: Image, change: (image: Sharp) => Sharp): Promise<Image> {
  return decodeImage(await change(sharp(pixels, { raw: { width, height, channels: 3 } })).toBuffer());
}
