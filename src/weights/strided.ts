/** How a tensor lies in its storage, in elements. */
export interface Layout {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Elements of a tensor; undefined where they cannot be counted exactly. */
export function elementCount(shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return count;
}

/** One after the last element of the storage that the tensor uses; the offset itself where it is empty. */
export function reach({ offset, shape, strides }: Layout): number {
  if (shape.includes(0)) return offset;
  return shape.reduce((end, size, i) => end + (size - 1) * (strides[i] ?? 0), offset + 1);
}

/** Whether the elements lie one after the other, rows first. Where there is only one index the stride says nothing. */
export function isContiguous({ shape, strides }: Layout): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] ?? 1;
    if (size !== 1 && strides[i] !== expected) return false;
    expected *= size;
  }
  return true;
}

/**
 * The elements rows first.
 *
 * @param bytes the storage from the tensor's first element on
 */
export function gather(bytes: Uint8Array, itemSize: number, { shape, strides }: Layout): Uint8Array {
  const count = elementCount(shape) ?? 0;
  const out = new Uint8Array(count * itemSize);
  const last = shape.length - 1;
  const width = shape[last] ?? 1;
  const step = (strides[last] ?? 0) * itemSize;
  const index = new Array<number>(Math.max(last, 0)).fill(0);
  let row = 0;
  for (let to = 0; to < out.length; ) {
    for (let i = 0, from = row; i < width; i++, from += step) {
      for (let b = 0; b < itemSize; b++) out[to++] = bytes[from + b] ?? 0;
    }
    // The next row: count up the outer dimensions like the digits of a number.
    for (let d = last - 1; d >= 0; d--) {
      const stride = (strides[d] ?? 0) * itemSize;
      const next = (index[d] ?? 0) + 1;
      row += stride;
      index[d] = next;
      if (next < (shape[d] ?? 1)) break;
      row -= next * stride;
      index[d] = 0;
    }
  }
  return out;
}
