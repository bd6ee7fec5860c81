import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";
import type { LabelledFile } from "./scan.js";

/**
 * Divides files into training and validation, the same fraction of every class (rounded; at least one on each side).
 *
 * Each file has a random rank that is a pure function of `seed` and its relative path, and the lowest ranks of a class
 * are its validation images. So the split does not depend on the order of files or on where the folder lies, and adding
 * or removing k files moves at most k others. Order is kept within both parts.
 *
 * @param fraction of the images for validation, in (0, 1)
 * @throws ArgumentError when the fraction is out of range or a class has fewer than two images
 */
export function stratifiedSplit(
  files: readonly LabelledFile[],
  classes: readonly string[],
  fraction: number,
  seed: number,
): { train: LabelledFile[]; validation: LabelledFile[] } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new ArgumentError(`a validation fraction must lie between 0 and 1, not be ${fraction}`);
  }
  const chosen = new Set<LabelledFile>();
  for (const [label, name] of classes.entries()) {
    const ranked = files
      .filter((file) => file.label === label)
      .map((file) => ({ file, rank: new Random(seed, "split", file.path).uint32() }))
      .sort((a, b) => a.rank - b.rank || (a.file.path < b.file.path ? -1 : 1));
    if (ranked.length < 2) {
      throw new ArgumentError(`class ${name} has ${ranked.length} image; a split needs two`, "Add images of it.");
    }
    const count = Math.min(ranked.length - 1, Math.max(1, Math.round(fraction * ranked.length)));
    for (const { file } of ranked.slice(0, count)) chosen.add(file);
  }
  return { train: files.filter((file) => !chosen.has(file)), validation: files.filter((file) => chosen.has(file)) };
}
