import { ArgumentError, ShapeError } from "../../errors.js";
import type { StoredTensor } from "../../tensor/index.js";
import { ImageSet, type Labelled } from "../image-set.js";

/** Pixel values, and how they are arranged: four numbers. */
export interface PixelArray {
  /** Bytes, or floating-point numbers in [0, 1]. */
  readonly data: Uint8Array | Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** What images in memory are, besides their pixels. */
export interface PixelOptions extends Pick<Labelled, "classes" | "labels" | "groups"> {
  /** `"nhwc"`: `[N, H, W, C]`. `"nchw"`: `[N, C, H, W]`. */
  readonly layout: "nhwc" | "nchw";
  /** Default `"images"`. */
  readonly name?: string;
  /** `[N]`; default `"0"`, `"1"`, … */
  readonly names?: readonly string[];
}

/**
 * Images that are in memory already: of one size, with 3 channels (red, green, blue) or 1 (grey, which is repeated).
 * Numbers in [0, 1] are multiplied by 255 and rounded. Bytes in `[N, H, W, 3]` are not copied; everything else is.
 *
 * @param images an array with its shape, or a tensor of the type uint8, float32 or float64 on any device
 * @throws ShapeError when the shape is no batch of images, or has another number of elements
 * @throws ArgumentError when a number lies outside [0, 1], a label names no class, or the tensor is of another type
 */
export function fromPixels(images: PixelArray | StoredTensor, options: PixelOptions): ImageSet {
  const { layout, name = "images", classes, labels, groups } = options;
  const { data, shape } = arrayOf(images);
  const [count = 0, a = 0, b = 0, c = 0] = shape;
  const [height, width, channels] = layout === "nhwc" ? [a, b, c] : [b, c, a];
  const form = layout === "nhwc" ? "[N, H, W, C]" : "[N, C, H, W]";
  if (shape.length !== 4 || (channels !== 3 && channels !== 1)) {
    throw new ShapeError(`${name}: [${shape.join(", ")}] is not ${form} with 3 channels, or 1`);
  }
  if (count * height * width * channels !== data.length) {
    throw new ShapeError(`${name}: [${shape.join(", ")}] does not have the ${data.length} elements that there are`);
  }
  const bytes = data instanceof Uint8Array ? data : bytesOf(data, name);
  const pixels = layout === "nhwc" && channels === 3 ? bytes : rearranged(bytes, height * width, channels, layout);
  const names = options.names ?? Array.from({ length: count }, (_, i) => String(i));
  return new ImageSet({ name, classes, labels, names, groups, sizes: { width, height }, pixels });
}

function arrayOf(images: PixelArray | StoredTensor): PixelArray {
  if (!("dtype" in images)) return images;
  const { dtype, shape } = images;
  const data = images.data();
  if (dtype === "uint8" && data instanceof Uint8Array) return { data, shape };
  if (data instanceof Float32Array || data instanceof Float64Array) return { data, shape };
  throw new ArgumentError(
    `images of the type ${dtype} are not understood`,
    "Convert them to uint8, float32 or float64.",
  );
}

function bytesOf(values: Float32Array | Float64Array, name: string): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(value >= 0 && value <= 1)) {
      throw new ArgumentError(
        `${name}: element ${i} is ${value}, outside [0, 1]`,
        "Give pixels as bytes from 0 to 255, or as numbers from 0 to 1.",
      );
    }
    bytes[i] = Math.round(255 * value);
  }
  return bytes;
}

/** Any layout as pixels of three bytes. */
function rearranged(bytes: Uint8Array, area: number, channels: number, layout: "nhwc" | "nchw"): Uint8Array {
  const out = new Uint8Array((3 * bytes.length) / channels);
  const perImage = area * channels;
  // From one pixel to the next, and from one channel to the next.
  const [step, plane] = layout === "nhwc" ? [channels, 1] : [1, area];
  const [green, blue] = channels === 3 ? [plane, 2 * plane] : [0, 0];
  for (let start = 0, o = 0; start < bytes.length; start += perImage) {
    for (let p = 0, i = start; p < area; p++, i += step) {
      out[o++] = bytes[i] as number;
      out[o++] = bytes[i + green] as number;
      out[o++] = bytes[i + blue] as number;
    }
  }
  return out;
}
