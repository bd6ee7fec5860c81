/** Pixels of a side, and of a channel. */
export const SIDE = 32;
export const PLANE = SIDE * SIDE;

/** The images of one file of CIFAR's as they stand there: planes of red, green and blue. */
export interface RawBatch {
  readonly labels: Uint8Array;
  readonly planes: Uint8Array;
  /** Where the planes of the first image begin, and how far it is to the next one's. */
  readonly start: number;
  readonly step: number;
}

/** Writes an image's planes of channels as pixels of three bytes, from `at` on. */
export function interleave({ planes, start, step }: RawBatch, record: number, out: Uint8Array, at: number): void {
  const from = start + record * step;
  for (let p = from, o = at; p < from + PLANE; p++, o += 3) {
    out[o] = planes[p] as number;
    out[o + 1] = planes[p + PLANE] as number;
    out[o + 2] = planes[p + 2 * PLANE] as number;
  }
}
