import { ArgumentError } from "../../errors.js";
import { Random } from "../../random.js";
import type { Labelled } from "../image-set.js";
import { chooseGroups } from "./split-groups.js";

/** What can be divided: labelled images of which a part can be taken. */
interface Divisible<S> extends Labelled {
  subset(indices: ArrayLike<number>, name?: string): S;
}

/**
 * Holds a part of the images out for validation, the same fraction of every class (rounded; at least one on each side).
 *
 * Each image has a random rank that is a pure function of `seed` and its name, and the lowest ranks of a class are its
 * validation images. So the division does not depend on the order of images or on where their folder lies, and adding
 * or removing k images moves at most k others. Order is kept within both parts. Images without a label are for training.
 *
 * Where images have groups, these are never divided; see {@link chooseGroups}.
 *
 * @param fraction of the images for validation, in (0, 1)
 * @throws ArgumentError when the fraction is out of range, or a class has fewer than two images or groups
 */
export function holdOut<S>(
  images: Divisible<S>,
  fraction: number,
  seed: number,
  names: { readonly train: string; readonly validation: string },
): { train: S; validation: S } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new ArgumentError(`a validation fraction must lie between 0 and 1, not be ${fraction}`);
  }
  const { groups } = images;
  const held = groups
    ? chooseGroups({ classes: images.classes, labels: images.labels, groups }, fraction, seed)
    : chooseImages(images, fraction, seed);
  const train: number[] = [];
  const validation: number[] = [];
  for (let i = 0; i < images.labels.length; i++) (held.has(i) ? validation : train).push(i);
  return { train: images.subset(train, names.train), validation: images.subset(validation, names.validation) };
}

function chooseImages({ classes, labels, names }: Labelled, fraction: number, seed: number): Set<number> {
  const ofClass: number[][] = classes.map(() => []);
  for (let i = 0; i < labels.length; i++) ofClass[labels[i] as number]?.push(i);
  const chosen = new Set<number>();
  for (const [label, indices] of ofClass.entries()) {
    if (indices.length < 2) {
      throw new ArgumentError(
        `class ${classes[label]} has ${indices.length} image; a split needs two`,
        "Add images of it.",
      );
    }
    const ranked = indices
      .map((index) => ({ index, name: names[index] as string }))
      .map((image) => ({ ...image, rank: new Random(seed, "split", image.name).uint32() }))
      .sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
    const count = Math.min(ranked.length - 1, Math.max(1, Math.round(fraction * ranked.length)));
    for (const { index } of ranked.slice(0, count)) chosen.add(index);
  }
  return chosen;
}
