import type { ImageOp } from "./image-op.js";

/** What was done to an image in a few words for each operation, such as `rotate 12°` or `brightness 1.2`. */
export function describeOps(ops: readonly ImageOp[]): string[] {
  return ops.map(describe);
}

function describe(op: ImageOp): string {
  switch (op.op) {
    case "resize":
      return `resize ${op.width}×${op.height}`;
    case "resizeShorter":
      return `resize ${op.size}`;
    case "centerCrop":
      return `centre ${op.width}×${op.height}`;
    case "pad":
      return `pad ${allOrOne([op.left, op.top, op.right, op.bottom])}`;
    case "cropAt":
      return `crop ${op.width}×${op.height}`;
    case "resizedCrop":
      return `crop ${percent(op.boxes[0]?.area ?? 1)} to ${op.width}×${op.height}`;
    case "flipHorizontal":
      return "flip left-right";
    case "flipVertical":
      return "flip up-down";
    case "turn":
      return `turn ${90 * op.quarters}°`;
    case "rotate":
      return `rotate ${Math.round(10 * op.degrees) / 10}°`;
    case "affine": {
      const [a, b, , d, e] = op.matrix;
      if (a === 1 && d === 0 && e === 1) return `shear x ${short(b)}`;
      if (a === 1 && b === 0 && e === 1) return `shear y ${short(d)}`;
      return "affine";
    }
    case "translate": {
      const words = (value: number): string => (op.unit === "share" ? percent(value) : `${value} px`);
      const moved = [op.x === 0 ? "" : ` x ${words(op.x)}`, op.y === 0 ? "" : ` y ${words(op.y)}`];
      return `move${moved.join("")}`;
    }
    case "brightness":
    case "contrast":
    case "saturation":
    case "sharpness":
      return `${op.op} ${short(op.factor)}`;
    case "hue":
      return `hue ${short(op.shift)}`;
    case "posterize":
      return `posterize ${op.bits} bits`;
    case "solarize":
      return `solarize from ${short(op.threshold)}`;
    case "solarizeAdd":
      return `solarize +${short(op.amount)}`;
    case "autoContrast":
      return "auto contrast";
    case "equalize":
    case "invert":
    case "normalize":
      return op.op;
    case "grayscale":
      return "grey";
    case "gaussianBlur":
      return `blur ${short(op.sigma[0])}`;
    case "stain":
      return `stain H ${short(op.scale[0])} E ${short(op.scale[1])}`;
    case "cutout":
      return `cutout ${op.size} px`;
    case "mixChains":
      return `mix ${percent(1 - op.original)} (${op.chains.map(({ ops }) => describeOps(ops).join(", ")).join(" | ")})`;
    case "erase":
      return `erase ${percent(op.boxes[0]?.area ?? 0)}`;
    default:
      return op satisfies never;
  }
}

/** At most two decimals. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function allOrOne(sides: readonly number[]): string {
  return sides.every((side) => side === sides[0]) ? String(sides[0]) : sides.join(" ");
}
