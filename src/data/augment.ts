import { ArgumentError } from "../errors.js";
import { Random } from "../random.js";

/**
 * The strength of each colour change: with strength s the factor is uniform in [max(0, 1 - s), 1 + s]; 0 changes
 * nothing.
 */
export interface ColorJitter {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
}

/** What may be done to a training image at random, as data. */
export interface Augmentation {
  /** Mirror left and right, half of the time. With `quarterTurns` all eight orientations are equally likely. */
  readonly flips: boolean;
  /** Turn by 0, 90, 180 or 270 degrees. The images must be square. */
  readonly quarterTurns: boolean;
  /** Slight changes of colour; absent for none. */
  readonly colorJitter?: ColorJitter;
}

/** For cell nuclei, which have no up or down and whose stain varies. */
export const NUCLEI_AUGMENTATION: Augmentation = {
  flips: true,
  quarterTurns: true,
  colorJitter: { brightness: 0.1, contrast: 0.1, saturation: 0.1 },
};

/** What is done to one image in one epoch. */
export interface AugmentationDraw {
  /** Whether it is mirrored left and right; before it is turned. */
  readonly flip: boolean;
  /** Quarter turns counter-clockwise, 0 to 3. */
  readonly turns: number;
  /** Factors, applied in this order; 1 changes nothing. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
}

/** The draw that changes nothing. */
export const UNCHANGED: AugmentationDraw = { flip: false, turns: 0, brightness: 1, contrast: 1, saturation: 1 };

/** What happens to image `index` in epoch `epoch`: a pure function of its arguments. */
export function drawAugmentation(
  augmentation: Augmentation,
  seed: number,
  epoch: number,
  index: number,
): AugmentationDraw {
  const random = new Random(seed, "augment", epoch, index);
  // Every number is drawn whether it is used or not, so that switching one change on leaves the others as they were.
  const flip = random.chance(0.5);
  const turns = random.below(4);
  const factor = (strength = 0): number => {
    const value = random.uniform(Math.max(0, 1 - strength), 1 + strength);
    return strength === 0 ? 1 : value;
  };
  const { brightness, contrast, saturation } = augmentation.colorJitter ?? {};
  return {
    flip: augmentation.flips && flip,
    turns: augmentation.quarterTurns ? turns : 0,
    brightness: factor(brightness),
    contrast: factor(contrast),
    saturation: factor(saturation),
  };
}

/** @throws ArgumentError when a strength is negative, or turns are asked of images that are not square */
export function checkAugmentation(augmentation: Augmentation, width: number, height: number): void {
  for (const [name, strength] of Object.entries(augmentation.colorJitter ?? {})) {
    if (!(strength >= 0 && Number.isFinite(strength))) {
      throw new ArgumentError(`colour jitter: ${name} must be a number from 0, not ${strength}`);
    }
  }
  if (augmentation.quarterTurns && width !== height) {
    throw new ArgumentError(
      `quarter turns need square images, not ${width}x${height}`,
      "Resize to a square or switch quarterTurns off.",
    );
  }
}
