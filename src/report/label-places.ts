import { measureText } from "./glyphs.js";

/** A place in pixels, y downwards. */
interface Place {
  readonly x: number;
  readonly y: number;
}

/** A point with a text to be written beside it. */
export interface LabelledPoint extends Place {
  readonly text: string;
}

/** Where a text stands. */
export interface LabelPlace {
  /** From the point to the left end of the text's baseline, pixels. */
  readonly dx: number;
  readonly dy: number;
  /** Where a line from the point ends that shows whose text it is; undefined beside the point. */
  readonly leader: Place | undefined;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const radius = 5;
const gap = 3;

/**
 * Finds a place for each point's text, to its right where it can be, so that texts cover neither each other nor points nor
 * the edge, or as little of them as can be, and stand nearest to their own points. Where there is no room beside the point
 * a line leads to the text.
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  area: { readonly width: number; readonly height: number },
  fontSize: number,
): LabelPlace[] {
  const dots = points.map(({ x, y }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }));
  const taken: Box[] = [];
  return points.map((point, i) => {
    const { x, y, text } = point;
    const width = measureText(text, fontSize);
    const options = offsets(width, fontSize).map(([dx, dy]) => {
      const box = boxOf(x + dx, y + dy, width, fontSize);
      const end = nearest(box, point);
      const away = distance(end, point) > radius + 2 * gap;
      const others = points.filter((_, j) => j !== i);
      // Beside a point a text belongs to the one that it is nearest to; with a line it is the line that tells.
      const strange = !away && others.some((other) => distance(nearest(box, other), other) < distance(end, point));
      const texts = taken.reduce((sum, other) => sum + overlap(box, other), 0);
      const covered = dots.reduce((sum, other) => sum + overlap(box, other), 2 * texts + outside(box, area));
      const cost = covered + (strange ? 0.5 * width * fontSize : 0) + (away ? distance(end, point) : 0);
      return { box, cost, place: { dx, dy, leader: away ? end : undefined } };
    });
    // The first of equals: they are in the order of preference.
    const best = options.reduce((a, b) => (b.cost < a.cost ? b : a));
    taken.push(best.box);
    return best.place;
  });
}

/** Right and left of the point, above and below it, and then ever farther. */
function offsets(width: number, fontSize: number): [number, number][] {
  const near = radius + gap;
  const beside = [near, -near - width];
  const middle = 0.35 * fontSize;
  const rings = [0, 1, 2, 3, 4].flatMap((ring) => {
    const rise = near + ring * 1.2 * fontSize;
    return [-rise, rise + 0.75 * fontSize].flatMap((dy) =>
      [-width / 2, ...beside, ...(ring > 1 ? [near + 2 * fontSize, -near - 2 * fontSize - width] : [])].map(
        (dx): [number, number] => [dx, dy],
      ),
    );
  });
  return [...beside.map((dx): [number, number] => [dx, middle]), ...rings];
}

function boxOf(x: number, baseline: number, width: number, fontSize: number): Box {
  return { left: x, right: x + width, top: baseline - 0.8 * fontSize, bottom: baseline + 0.25 * fontSize };
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/** How much of a box lies beyond the area; weighs double, since there it would be cut off. */
function outside(box: Box, { width, height }: { width: number; height: number }): number {
  const whole = (box.right - box.left) * (box.bottom - box.top);
  return 2 * (whole - overlap(box, { left: 0, right: width, top: 0, bottom: height }));
}

/** The place in a box that is nearest to another. */
function nearest(box: Box, { x, y }: Place): Place {
  return { x: Math.min(Math.max(x, box.left), box.right), y: Math.min(Math.max(y, box.top), box.bottom) };
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
