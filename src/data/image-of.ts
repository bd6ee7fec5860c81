import { readImage } from "./decode.js";
import type { Dataset, Image } from "./image-set.js";

/**
 * One image of a set, decoded.
 *
 * @throws FileError when its file cannot be read
 * @throws ArgumentError when there is no such image
 */
export async function imageOf(set: Dataset, index: number): Promise<Image> {
  if (set.kind === "pixels") return set.image(index);
  return readImage(set.pathOf(index));
}
