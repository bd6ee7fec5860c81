import { ArgumentError } from "../../errors.js";
import type { Size } from "../image-set.js";
import { paddingOf, sizeOf } from "./properties.js";
import type { Transform } from "./schema.js";

/**
 * The size of the image that comes out of a pipeline.
 *
 * @param input the size of the image that goes in, where it is known
 * @returns undefined where it depends on an input that is not known
 * @throws ArgumentError when a known image is too small for a random crop, or is turned by quarters without being square
 */
export function outputSize(pipeline: readonly Transform[], input?: Size): Size | undefined {
  let size = input;
  for (const [i, transform] of pipeline.entries()) size = sizeAfter(transform, size, i + 1);
  return size;
}

/** @param position of the transform, from 1, for messages */
export function sizeAfter(transform: Transform, size: Size | undefined, position: number): Size | undefined {
  switch (transform.name) {
    case "resize":
      if (typeof transform.size !== "number") return sizeOf(transform.size);
      return size && shorterSide(size, transform.size);
    case "pad":
      return size && padded(size, transform.padding);
    case "centerCrop":
    case "randomResizedCrop":
      return sizeOf(transform.size);
    case "randomCrop": {
      const crop = sizeOf(transform.size);
      const whole = size && padded(size, transform.padding);
      if (whole && (whole.width < crop.width || whole.height < crop.height)) {
        throw new ArgumentError(
          `transform ${position} (randomCrop): ${inWords(crop)} pixels cannot be cut out of ${inWords(whole)}`,
          "Resize before it, or give it padding.",
        );
      }
      return crop;
    }
    case "randomQuarterTurn":
      if (size && size.width !== size.height) {
        throw new ArgumentError(
          `transform ${position} (randomQuarterTurn): the images must be square, not ${inWords(size)}`,
          "Resize or crop to a square before it, or leave it out.",
        );
      }
      return size;
    default:
      return size;
  }
}

/** Size after the shorter side became `shorter`: the longer one keeps the aspect and is rounded down, as in torchvision. */
export function shorterSide({ width, height }: Size, shorter: number): Size {
  return width <= height
    ? { width: shorter, height: Math.trunc((shorter * height) / width) }
    : { width: Math.trunc((shorter * width) / height), height: shorter };
}

function padded({ width, height }: Size, padding: Parameters<typeof paddingOf>[0]): Size {
  const { left, top, right, bottom } = paddingOf(padding);
  return { width: width + left + right, height: height + top + bottom };
}

/**
 * The same pipeline for another image size, for training that begins with small images (Tan and Le 2021): the last transform
 * that decides the size gives the new one, and those around it change in proportion.
 *
 * @throws ArgumentError when no transform decides the size
 */
export function withImageSize(pipeline: readonly Transform[], size: Size): Transform[] {
  const old = outputSize(pipeline);
  const decides = pipeline.findLastIndex((transform) => givenSize(transform) !== undefined);
  if (!old || decides < 0) {
    throw new ArgumentError(
      "no transform decides the size of the images, so it cannot be changed",
      "Add resize with [height, width], centerCrop, randomCrop or randomResizedCrop.",
    );
  }
  const scale = { width: size.width / old.width, height: size.height / old.height };
  const resized = pipeline.map((transform) => scaled(transform, scale));
  // What was rounded is made good by the transform that decides, so that the size comes out exactly.
  const rounded = outputSize(resized) ?? old;
  const decided = givenSize(resized[decides]) ?? old;
  return resized.map((transform, i) =>
    i === decides
      ? withSize(transform, decided.height + size.height - rounded.height, decided.width + size.width - rounded.width)
      : transform,
  );
}

type Scale = { readonly width: number; readonly height: number };

function givenSize(transform: Transform | undefined): Size | undefined {
  switch (transform?.name) {
    case "resize":
      return typeof transform.size === "number" ? undefined : sizeOf(transform.size);
    case "centerCrop":
    case "randomCrop":
    case "randomResizedCrop":
      return sizeOf(transform.size);
    default:
      return undefined;
  }
}

function scaled(transform: Transform, scale: Scale): Transform {
  const { name } = transform;
  const across = (pixels: number): number => Math.round(pixels * scale.width);
  const down = (pixels: number): number => Math.round(pixels * scale.height);
  if (name === "pad" || name === "randomCrop") {
    const { left, top, right, bottom } = paddingOf(transform.padding);
    const padding: [number, number, number, number] = [across(left), down(top), across(right), down(bottom)];
    const changed = { ...transform, padding: padding.every((side) => side === padding[0]) ? padding[0] : padding };
    return changed.name === "pad" ? changed : scaledSize(changed, scale);
  }
  if (name === "resize" && typeof transform.size === "number") {
    // A shorter side becomes the longest that is needed.
    return { ...transform, size: Math.max(1, across(transform.size), down(transform.size)) };
  }
  return name === "resize" || name === "centerCrop" || name === "randomResizedCrop"
    ? scaledSize(transform, scale)
    : transform;
}

type Sized = Extract<Transform, { name: "resize" | "centerCrop" | "randomCrop" | "randomResizedCrop" }>;

function scaledSize(transform: Sized, scale: Scale): Transform {
  const { width, height } = sizeOf(transform.size);
  return withSize(
    transform,
    Math.max(1, Math.round(height * scale.height)),
    Math.max(1, Math.round(width * scale.width)),
  );
}

/** Written as one number where it was one and still can be; a number means something else to `resize`. */
function withSize(transform: Transform, height: number, width: number): Transform {
  switch (transform.name) {
    case "resize":
      return { ...transform, size: [height, width] };
    case "centerCrop":
    case "randomCrop":
    case "randomResizedCrop":
      return { ...transform, size: typeof transform.size === "number" && height === width ? height : [height, width] };
    default:
      return transform;
  }
}

function inWords({ width, height }: Size): string {
  return `${width}x${height}`;
}
