import { Random } from "../../random.js";
import { drawAugMix } from "./aug-mix.js";
import { drawAutoAugment } from "./auto-augment.js";
import type { DrawnBox, ImageOp } from "./image-op.js";
import { paddingOf, rgbOf, sizeOf } from "./properties.js";
import { drawRandAugment } from "./rand-augment.js";
import type { Transform, TransformOf } from "./schema.js";
import { drawTrivialAugment } from "./trivial-augment.js";

/** How many pieces torchvision tries before it gives up on a fitting one. */
const TRIES = 10;

/**
 * What a pipeline does to one sample: a pure function of its arguments.
 *
 * Every transform draws from a stream of its own, keyed by its name and how many of that name stand before it: adding,
 * removing or moving another one leaves its draws as they were.
 *
 * @param key what the sample is, such as seed, epoch, index and occurrence
 */
export function drawOps(pipeline: readonly Transform[], key: readonly (number | string)[]): ImageOp[] {
  const ops: ImageOp[] = [];
  for (let i = 0; i < pipeline.length; i++) {
    const transform = pipeline[i] as Transform;
    let ordinal = 0;
    for (let j = 0; j < i; j++) if (pipeline[j]?.name === transform.name) ordinal++;
    const random = (): Random => new Random(...key, transform.name, ordinal);
    draw(transform, random, ops);
  }
  return ops;
}

/** @param stream makes the transform's stream; not called where nothing is random */
function draw(transform: Transform, stream: () => Random, ops: ImageOp[]): void {
  switch (transform.name) {
    case "resize": {
      const { size, interpolation } = transform;
      if (typeof size === "number") ops.push({ op: "resizeShorter", size, interpolation });
      else ops.push({ op: "resize", ...sizeOf(size), interpolation });
      return;
    }
    case "centerCrop":
      ops.push({ op: "centerCrop", ...sizeOf(transform.size) });
      return;
    case "pad":
      pad(transform, ops);
      return;
    case "randomCrop": {
      const random = stream();
      pad(transform, ops);
      ops.push({ op: "cropAt", ...sizeOf(transform.size), across: random.uniform(), down: random.uniform() });
      return;
    }
    case "randomResizedCrop": {
      const { size, scale, ratio, interpolation } = transform;
      const boxes = drawBoxes(scale, ratio, stream());
      ops.push({ op: "resizedCrop", ...sizeOf(size), interpolation, ratio, boxes });
      return;
    }
    case "randomHorizontalFlip":
      if (stream().chance(transform.p)) ops.push({ op: "flipHorizontal" });
      return;
    case "randomVerticalFlip":
      if (stream().chance(transform.p)) ops.push({ op: "flipVertical" });
      return;
    case "randomQuarterTurn": {
      const quarters = stream().below(4);
      if (quarters === 1 || quarters === 2 || quarters === 3) ops.push({ op: "turn", quarters });
      return;
    }
    case "randomRotation": {
      const { degrees, interpolation, fill } = transform;
      const [least, greatest] = typeof degrees === "number" ? [-degrees, degrees] : degrees;
      ops.push({ op: "rotate", degrees: stream().uniform(least, greatest), interpolation, fill: rgbOf(fill) });
      return;
    }
    case "colorJitter":
      drawColorJitter(transform, stream(), ops);
      return;
    case "stainJitter": {
      const random = stream();
      const three = (middle: number, spread: number): [number, number, number] => [
        random.uniform(middle - spread, middle + spread),
        random.uniform(middle - spread, middle + spread),
        random.uniform(middle - spread, middle + spread),
      ];
      ops.push({ op: "stain", scale: three(1, transform.scale), shift: three(0, transform.shift) });
      return;
    }
    case "randomGrayscale":
      if (stream().chance(transform.p)) ops.push({ op: "grayscale" });
      return;
    case "grayscale":
      ops.push({ op: "grayscale" });
      return;
    case "gaussianBlur": {
      const { kernelSize, sigma, p } = transform;
      const random = stream();
      if (!random.chance(p)) return;
      const deviation = typeof sigma === "number" ? sigma : random.uniform(...sigma);
      const kernel = typeof kernelSize === "number" ? ([kernelSize, kernelSize] as const) : kernelSize;
      ops.push({ op: "gaussianBlur", kernel, sigma: [deviation, deviation] });
      return;
    }
    case "randAugment":
      ops.push(...drawRandAugment(transform, stream()));
      return;
    case "autoAugment":
      ops.push(...drawAutoAugment(transform, stream()));
      return;
    case "trivialAugmentWide":
      ops.push(...drawTrivialAugment(transform, stream()));
      return;
    case "augMix":
      ops.push(drawAugMix(transform, stream()));
      return;
    case "cutout": {
      const random = stream();
      if (!random.chance(transform.p)) return;
      const [across, down] = [random.uniform(), random.uniform()];
      ops.push({ op: "cutout", across, down, size: transform.size, fill: rgbOf(transform.fill) });
      return;
    }
    case "normalize":
      ops.push({ op: "normalize", mean: transform.mean, std: transform.std });
      return;
    case "randomErasing": {
      const random = stream();
      if (!random.chance(transform.p)) return;
      const { scale, ratio, value } = transform;
      // torchvision's ratio is height over width here, unlike in its crop.
      const boxes = drawBoxes(scale, ratio, random).map((box) => ({ ...box, aspect: 1 / box.aspect }));
      const fill =
        value === "random"
          ? ({ kind: "noise", seed: random.uint32() } as const)
          : ({ kind: "values", values: rgbOf(value) } as const);
      ops.push({ op: "erase", boxes, fill });
      return;
    }
    default:
      transform satisfies never;
  }
}

function pad({ padding, fill, mode }: TransformOf<"pad" | "randomCrop">, ops: ImageOp[]): void {
  const { left, top, right, bottom } = paddingOf(padding);
  if (left + top + right + bottom > 0) ops.push({ op: "pad", left, top, right, bottom, fill: rgbOf(fill), mode });
}

/** Area uniform in `scale`, aspect log-uniform in `ratio`, place uniform. */
function drawBoxes(
  [least, greatest]: readonly [number, number],
  ratio: readonly [number, number],
  random: Random,
): DrawnBox[] {
  const narrow = Math.log(ratio[0]);
  const wide = Math.log(ratio[1]);
  const boxes: DrawnBox[] = [];
  for (let i = 0; i < TRIES; i++) {
    boxes.push({
      area: random.uniform(least, greatest),
      aspect: Math.exp(random.uniform(narrow, wide)),
      across: random.uniform(),
      down: random.uniform(),
    });
  }
  return boxes;
}

function drawColorJitter(transform: TransformOf<"colorJitter">, random: Random, ops: ImageOp[]): void {
  const order = random.permutation(4);
  // All are drawn, used or not, so that switching one on leaves the others as they were.
  const factor = (jitter: number | readonly [number, number], middle: number, floor: number): number => {
    const share = random.uniform();
    const [least, greatest] = typeof jitter === "number" ? [Math.max(floor, middle - jitter), middle + jitter] : jitter;
    return least + share * (greatest - least);
  };
  const changes: readonly ImageOp[] = [
    { op: "brightness", factor: factor(transform.brightness, 1, 0) },
    { op: "contrast", factor: factor(transform.contrast, 1, 0) },
    { op: "saturation", factor: factor(transform.saturation, 1, 0) },
    { op: "hue", shift: factor(transform.hue, 0, Number.NEGATIVE_INFINITY) },
  ];
  for (const which of order) {
    const change = changes[which] as ImageOp;
    if (!(("factor" in change && change.factor === 1) || ("shift" in change && change.shift === 0))) ops.push(change);
  }
}
