import { ArgumentError } from "../errors.js";
import { BatchMaker, BatchMemory } from "./batch.js";
import { imageOf } from "./image-of.js";
import type { ChannelStatistics, Dataset, Image, Size } from "./image-set.js";
import { drawOps, type ImageOp, outputSize, type Transform } from "./transforms/index.js";

/** An image, and what training sees of it in the first epochs. */
export interface AugmentedSample {
  readonly index: number;
  readonly original: Image;
  /** One for each epoch. */
  readonly versions: readonly { readonly image: Image; readonly ops: readonly ImageOp[] }[];
}

/**
 * Images of a set as they are, and as an epoch of training has them: what a `Loader` with the same seed and transforms gives
 * for the same image, its normalisation taken back. Values beyond 0 … 255, as of noise that was put in, are cut.
 *
 * @param indices which images, each once
 * @param options.epochs how many epochs to show, from the first
 * @throws ArgumentError when there is no such image, or the transforms do not give images one size
 * @throws FileError naming an image that cannot be read
 */
export async function augmentedSamples(
  set: Dataset,
  indices: readonly number[],
  options: { readonly transforms: readonly Transform[]; readonly seed: number; readonly epochs: number },
): Promise<AugmentedSample[]> {
  const { transforms, seed, epochs } = options;
  const size = outputSize(transforms, set.kind === "pixels" ? set.uniformSize : undefined);
  if (size === undefined) {
    throw new ArgumentError(
      "the transforms do not give images one size",
      "Add resize with height and width, or a crop.",
    );
  }
  const samples: (AugmentedSample & { versions: { image: Image; ops: readonly ImageOp[] }[] })[] = [];
  for (const index of indices) samples.push({ index, original: await imageOf(set, index), versions: [] });
  const normalization = transforms.find((transform) => transform.name === "normalize");
  for (let epoch = 0; epoch < epochs && samples.length > 0; epoch++) {
    const maker = new BatchMaker(set, {
      transforms,
      seed,
      epoch,
      size,
      layout: "nhwc",
      channels: 3,
      onUnreadable: "stop",
      pool: undefined,
      memory: new BatchMemory(0),
    });
    const plan = { number: 0, indices: Uint32Array.from(indices), from: 0, to: indices.length };
    const batch = await maker.make(plan);
    if (batch === undefined) throw new ArgumentError("none of the images could be read");
    const values = 3 * size.width * size.height;
    for (const [i, sample] of samples.entries()) {
      const image = toImage(batch.images.subarray(i * values, (i + 1) * values), size, normalization);
      sample.versions.push({ image, ops: drawOps(transforms, [seed, epoch, sample.index, 0]) });
    }
  }
  return samples;
}

/** Pixels out of normalised values, `[H, W, 3]`. */
function toImage(values: Float32Array, size: Size, normalization: ChannelStatistics | undefined): Image {
  const { mean, std } = normalization ?? { mean: [0, 0, 0], std: [1, 1, 1] };
  const pixels = new Uint8Array(values.length);
  for (const [i, value] of values.entries()) {
    const level = 255 * (value * (std[i % 3] as number) + (mean[i % 3] as number));
    pixels[i] = Math.min(255, Math.max(0, Math.round(level)));
  }
  return { ...size, pixels };
}
