import type { Preprocessing } from "../preprocessing.js";
import { readImage } from "./decode.js";
import type { Image } from "./image-set.js";
import { preprocess } from "./transforms/preprocess.js";
import { pipelineOf } from "./transforms/presets.js";

/**
 * An image as a network's published weights want it, bit for bit what torchvision's `ImageClassification` gives for a PIL
 * image: the shorter side resized (antialiased), the middle cut out, black where the image is smaller, then normalised.
 *
 * @returns `[3, crop, crop]`
 */
export function preprocessImage(image: Image, preprocessing: Preprocessing): Float32Array {
  return preprocess(image, pipelineOf(preprocessing)).values;
}

/**
 * Reads an image file and prepares it; see {@link preprocessImage}.
 *
 * @throws FileError naming the file, when it cannot be read or is damaged
 */
export async function readPreprocessed(path: string, preprocessing: Preprocessing): Promise<Float32Array> {
  return preprocessImage(await readImage(path), preprocessing);
}
