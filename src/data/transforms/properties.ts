import { z } from "zod";
import type { Rgb, Size } from "../image-set.js";

/** The longest side of an image that a transform may make, in pixels. */
export const MOST_PIXELS = 16384;

/** A whole number, both ends included. */
export function whole(least: number, greatest: number) {
  const words = `must be a whole number from ${least} to ${greatest}`;
  return z.int(words).min(least, words).max(greatest, words);
}

/** A number, both ends included. */
export function number(least: number, greatest: number) {
  const words = `must be a number from ${least} to ${greatest}`;
  return z.number(words).min(least, words).max(greatest, words);
}

/** A number above 0. */
export function positive(greatest: number) {
  const words = `must be a number above 0, up to ${greatest}`;
  return z.number(words).gt(0, words).max(greatest, words);
}

/** Two numbers of a kind, the first not above the second. */
export function range(value: z.ZodNumber) {
  const words = "must be two numbers, [least, greatest]";
  return z.tuple([value, value], words).refine(([least, greatest]) => least <= greatest, words);
}

/** One value for both sides, or height and width. */
export const sizeProperty = z.union(
  [whole(1, MOST_PIXELS), z.tuple([whole(1, MOST_PIXELS), whole(1, MOST_PIXELS)])],
  `must be a whole number from 1 to ${MOST_PIXELS}, or [height, width]`,
);

/** One value for all sides, or left, top, right, bottom. */
export const paddingProperty = z.union(
  [
    whole(0, MOST_PIXELS),
    z.tuple([whole(0, MOST_PIXELS), whole(0, MOST_PIXELS), whole(0, MOST_PIXELS), whole(0, MOST_PIXELS)]),
  ],
  `must be a whole number from 0 to ${MOST_PIXELS}, or [left, top, right, bottom]`,
);

/** A colour: one 8-bit value for all channels, or red, green, blue. */
export const fillProperty = z.union(
  [whole(0, 255), z.tuple([whole(0, 255), whole(0, 255), whole(0, 255)])],
  "must be a whole number from 0 to 255, or [red, green, blue]",
);

export const interpolationProperty = z.enum(["nearest", "bilinear", "bicubic"], "must be nearest, bilinear or bicubic");

export const paddingModeProperty = z.enum(
  ["constant", "edge", "reflect", "symmetric"],
  "must be constant, edge, reflect or symmetric",
);

export const probability = number(0, 1);

export function rgb<T extends z.ZodNumber>(value: T) {
  return z.tuple([value, value, value], "must be three numbers, [red, green, blue]");
}

/** What {@link sizeProperty} says. */
export function sizeOf(size: number | readonly [height: number, width: number]): Size {
  if (typeof size === "number") return { width: size, height: size };
  const [height, width] = size;
  return { width, height };
}

/** What {@link paddingProperty} says. */
export function paddingOf(padding: number | readonly [number, number, number, number]) {
  const [left, top, right, bottom] = typeof padding === "number" ? Array<number>(4).fill(padding) : padding;
  return { left: left ?? 0, top: top ?? 0, right: right ?? 0, bottom: bottom ?? 0 };
}

/** What {@link fillProperty} says. */
export function rgbOf(fill: number | Rgb): Rgb {
  return typeof fill === "number" ? [fill, fill, fill] : fill;
}
