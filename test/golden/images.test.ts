import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Image } from "../../src/data/image-set.js";
import { nativeImages } from "../../src/data/native.js";
import { resizeRgb } from "../../src/data/resize.js";
import { encodeOps } from "../../src/data/transforms/encode.js";
import type { ImageOp } from "../../src/data/transforms/image-op.js";
import { Random } from "../../src/random.js";
import { readGolden } from "../support/files.js";

interface PixelCase {
  readonly image: string;
  readonly ops: readonly ImageOp[];
  readonly width: number;
  readonly height: number;
  /** Of the exact bytes; or else these, in base64, and by how much a byte may differ. */
  readonly sha256?: string;
  readonly pixels?: string;
  readonly tolerance?: number;
}

interface SampleCase {
  readonly image: string;
  readonly ops: readonly ImageOp[];
  /** Of the floats, `[3, H, W]`. */
  readonly sha256: string;
}

const golden = readGolden<{ pixels: PixelCase[]; samples: SampleCase[] }>("images/cases");
const images = new Map(
  Object.entries(readGolden<Record<string, { width: number; height: number; pixels: string }>>("images/images")).map(
    ([name, { width, height, pixels }]) => [name, { width, height, pixels: Buffer.from(pixels, "base64") }],
  ),
);

function imageOf(name: string): Image {
  const image = images.get(name);
  if (!image) throw new Error(`there is no image ${name}`);
  return image;
}

function programOf(ops: readonly ImageOp[]): Float64Array {
  const program: number[] = [];
  encodeOps(ops, program);
  return Float64Array.from(program);
}

const transform = (image: Image, ops: readonly ImageOp[]): Image => nativeImages().transform(image, programOf(ops));

function execute(image: Image, ops: readonly ImageOp[], layout: "nchw" | "nhwc"): Float32Array {
  const { width, height } = image;
  const program = programOf(ops);
  const output = new Float32Array(3 * width * height);
  const failed = nativeImages().runNow({
    sources: [Uint8Array.from(image.pixels)],
    sizes: Uint32Array.of(width, height),
    program,
    starts: Uint32Array.of(0, program.length),
    output,
    width,
    height,
    layout,
  });
  expect(failed).toEqual([]);
  return output;
}

const sha256 = (array: Uint8Array | Float32Array): string =>
  createHash("sha256")
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest("hex");

/** What the last operation is called: cases are told apart by it. */
const kindOf = ({ ops }: PixelCase): string => ops.at(-1)?.op ?? "nothing";

describe("every operation gives what Pillow and torchvision give", () => {
  for (const kind of new Set(golden.pixels.map(kindOf))) {
    it(kind, () => {
      for (const example of golden.pixels.filter((other) => kindOf(other) === kind)) {
        const { image, ops, width, height, sha256: digest, pixels, tolerance = 0 } = example;
        const about = `${image}: ${JSON.stringify(ops)}`;
        const result = transform(imageOf(image), ops);
        expect({ width: result.width, height: result.height }, about).toEqual({ width, height });
        if (digest !== undefined) {
          expect(sha256(result.pixels), about).toBe(digest);
        } else {
          const expected = Buffer.from(pixels ?? "", "base64");
          expect(result.pixels.length, about).toBe(expected.length);
          const differences = expected.map((value, i) => Math.abs(value - (result.pixels[i] as number)));
          expect(Math.max(...differences), about).toBeLessThanOrEqual(tolerance);
        }
      }
    });
  }

  it("as finished samples, in both layouts", () => {
    for (const { image, ops, sha256: digest } of golden.samples) {
      const source = imageOf(image);
      const planar = execute(source, ops, "nchw");
      expect(sha256(planar), `${image}: ${JSON.stringify(ops)}`).toBe(digest);
      const area = source.width * source.height;
      expect(execute(source, ops, "nhwc")).toEqual(
        planar.map((_, i) => planar[(i % 3) * area + Math.trunc(i / 3)] as number),
      );
    }
  });
});

describe("noise in erased boxes", () => {
  const normalize: ImageOp = { op: "normalize", mean: [0, 0, 0], std: [1, 1, 1] };
  const erase = (seed: number): ImageOp[] => [
    normalize,
    { op: "erase", boxes: [{ area: 0.9, aspect: 1.5, across: 0.5, down: 0.5 }], fill: { kind: "noise", seed } },
  ];
  const source = imageOf("mosaic");

  it("is a function of the seed, and stands where the box is, in both layouts", () => {
    const noisy = execute(source, erase(5), "nchw");
    expect(execute(source, erase(5), "nchw")).toEqual(noisy);
    expect(execute(source, erase(6), "nchw")).not.toEqual(noisy);
    const area = source.width * source.height;
    expect(execute(source, erase(5), "nhwc")).toEqual(
      noisy.map((_, i) => noisy[(i % 3) * area + Math.trunc(i / 3)] as number),
    );
  });

  it("is the same on every machine", () => {
    expect(sha256(execute(source, erase(4_000_000_000), "nchw"))).toBe(
      "d4a63dc6c29e3778ec927d0149f8302c9dab954c65bd12b6bdbf73f2e0a7b37a",
    );
  });

  it("is normal", () => {
    const plain = execute(source, [normalize], "nchw");
    const values = [...execute(source, erase(7), "nchw")].filter((value, i) => value !== plain[i]);
    // 71x47 pixels of three channels; bounds are four standard errors.
    const n = 71 * 47 * 3;
    expect(Math.abs(values.length - n)).toBeLessThan(20);
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    expect(values.filter((value) => Math.abs(value) < 1).length / n).toBeCloseTo(0.6827, 1);
  });
});

describe("resizing", () => {
  it("gives the bytes of resizeRgb", () => {
    const random = new Random("resizing");
    for (let i = 0; i < 40; i++) {
      const from = { width: 1 + random.below(80), height: 1 + random.below(80) };
      const to = { width: 1 + random.below(120), height: 1 + random.below(120) };
      const pixels = Uint8Array.from({ length: from.width * from.height * 3 }, () => random.below(256));
      for (const interpolation of ["bilinear", "bicubic"] as const) {
        const { pixels: result } = transform({ ...from, pixels }, [{ op: "resize", ...to, interpolation }]);
        expect(sha256(result), `${JSON.stringify({ from, to })} ${interpolation}`).toBe(
          sha256(resizeRgb(pixels, from, to, interpolation)),
        );
      }
    }
  });
});

describe("programs that do not fit", () => {
  const source = imageOf("ship");
  const run =
    (...program: number[]) =>
    () =>
      nativeImages().transform(source, Float64Array.from(program));

  it.each<[string, number[], RegExp]>([
    ["an unknown operation", [31], /no operation 31/],
    ["a number that is none", [Number.NaN], /no operation/],
    ["an end too early", [1, 20], /resize: the program ends before height/],
    ["a size of nothing", [1, 0, 20, 1], /resize: width must lie in \[1, 16384\], not be 0/],
    ["half a pixel", [1, 20.5, 20, 1], /width must be a whole number, not 20.5/],
    ["an infinite factor", [13, Number.POSITIVE_INFINITY], /brightness: factor must be a finite number/],
    ["an even kernel", [25, 4, 3, 1, 1], /gaussianBlur: the kernel's sides must be odd, not 4x3/],
    ["a crop that is too large", [5, 40, 20, 0, 0], /cropAt: the image has 32x32 pixels, less than 40x20/],
    [
      "a chain that changes the size",
      [28, 0.5, 1, 0.5, 1, 1, 20, 20, 1],
      /mixChains: a chain made 20x20 pixels of 32x32/,
    ],
    ["a chain of chains", [28, 0.5, 1, 0.5, 1, 28, 0, 0], /mixChains: cannot stand within itself/],
    ["normalization within a chain", [28, 0.5, 1, 0.5, 1, 29, 0, 0, 0, 1, 1, 1], /normalize: has no place here/],
    ["too many pixels", [4, 16384, 16384, 16384, 0, 0, 0, 0, 0], /pad: 32800x16416 are too many pixels/],
  ])("%s", (_, program, message) => {
    expect(run(...program)).toThrow(message);
  });
});
