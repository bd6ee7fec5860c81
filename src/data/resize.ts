import { ShapeError } from "../errors.js";

/** Interpolation kernels; both widen when the image shrinks, so that nothing aliases. */
export type ResizeKernel = "bilinear" | "bicubic";

interface Kernel {
  /** Half its width, in pixels of the coarser image. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const KERNELS: Record<ResizeKernel, Kernel> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -1/2 (Catmull-Rom).
  bicubic: {
    support: 2,
    weight: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  },
};

/** Fixed-point weights: enough bits that 255 times the sum of the weights still fits 32. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

/** For each output position: the first input position it looks at, how many, and their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `[out, stride]` */
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * Resizes 8-bit RGB pixels `[H, W, 3]` to exactly `width` x `height`, whatever the aspect.
 *
 * Separable convolution with 8-bit values between the two passes, bit for bit what Pillow's `Image.resize` gives, so
 * that a network trained here sees in Python what it saw here. Returns `pixels` itself where nothing changes.
 *
 * @throws ShapeError when `pixels` is not as long as the size says
 */
export function resizeRgb(
  pixels: Uint8Array,
  from: { readonly width: number; readonly height: number },
  to: { readonly width: number; readonly height: number },
  kernel: ResizeKernel = "bicubic",
): Uint8Array {
  if (pixels.length !== from.width * from.height * 3) {
    throw new ShapeError(`${from.width}x${from.height} RGB pixels are not ${pixels.length} bytes`);
  }
  const wide = from.width === to.width ? pixels : resizeRows(pixels, from, to.width, kernel);
  return from.height === to.height ? wide : resizeColumns(wide, to.width * 3, from.height, to.height, kernel);
}

function resizeRows(
  pixels: Uint8Array,
  from: { readonly width: number; readonly height: number },
  width: number,
  kernel: ResizeKernel,
): Uint8Array {
  const { first, count, weights, stride } = tapsOf(from.width, width, kernel);
  const out = new Uint8ClampedArray(from.height * width * 3);
  for (let y = 0, o = 0; y < from.height; y++) {
    const row = y * from.width * 3;
    for (let x = 0; x < width; x++, o += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      const end = x * stride + (count[x] as number);
      for (let k = x * stride, i = row + (first[x] as number) * 3; k < end; k++, i += 3) {
        const weight = weights[k] as number;
        red += Math.imul(pixels[i] as number, weight);
        green += Math.imul(pixels[i + 1] as number, weight);
        blue += Math.imul(pixels[i + 2] as number, weight);
      }
      out[o] = red >> WEIGHT_BITS;
      out[o + 1] = green >> WEIGHT_BITS;
      out[o + 2] = blue >> WEIGHT_BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

function resizeColumns(
  pixels: Uint8Array,
  rowBytes: number,
  from: number,
  to: number,
  kernel: ResizeKernel,
): Uint8Array {
  const { first, count, weights, stride } = tapsOf(from, to, kernel);
  const out = new Uint8ClampedArray(to * rowBytes);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    // Row by row rather than column by column, as memory lies; two rows at a time to halve the traffic of the sums.
    const taps = y * stride;
    const rows = count[y] as number;
    for (let k = 0; k < rows; k += 2) {
      const even = ((first[y] as number) + k) * rowBytes;
      const evenWeight = weights[taps + k] as number;
      const paired = k + 1 < rows;
      const odd = paired ? even + rowBytes : even;
      const oddWeight = paired ? (weights[taps + k + 1] as number) : 0;
      for (let x = 0; x < rowBytes; x++) {
        const pair =
          Math.imul(pixels[even + x] as number, evenWeight) + Math.imul(pixels[odd + x] as number, oddWeight);
        sums[x] = (sums[x] as number) + pair;
      }
    }
    for (let x = 0, o = y * rowBytes; x < rowBytes; x++, o++) out[o] = (sums[x] as number) >> WEIGHT_BITS;
  }
  return new Uint8Array(out.buffer);
}

const known = new Map<string, Taps>();

function tapsOf(from: number, to: number, name: ResizeKernel): Taps {
  const key = `${from} ${to} ${name}`;
  const found = known.get(key);
  if (found) return found;
  // A folder of photographs has few sizes; one with thousands must not fill the memory.
  if (known.size >= 64) known.clear();
  const taps = computeTaps(from, to, KERNELS[name]);
  known.set(key, taps);
  return taps;
}

function computeTaps(from: number, to: number, kernel: Kernel): Taps {
  const scale = from / to;
  const widening = Math.max(1, scale);
  const support = kernel.support * widening;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: end - start }, (_, k) => kernel.weight((start + k - centre + 0.5) / widening));
    const sum = exact.reduce((a, b) => a + b, 0);
    first[i] = start;
    count[i] = end - start;
    for (const [k, weight] of exact.entries()) {
      weights[i * stride + k] = Math.round((Math.abs(weight) / sum) * (1 << WEIGHT_BITS)) * Math.sign(weight);
    }
  }
  return { first, count, weights, stride };
}
