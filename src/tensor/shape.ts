/** The sizes of a tensor's dimensions; images are `[N, C, H, W]`. */
export type Shape = readonly number[];

/** Height and width. */
export type Pair = readonly [number, number];

/** One number for both height and width, or one each. */
export type Size2 = number | Pair;

export function pair(size: Size2): Pair {
  return typeof size === "number" ? [size, size] : size;
}

/** The number of elements; 1 for the shape of a scalar, `[]`. */
export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `[1, 3, 224, 224]`, for messages and tables. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
