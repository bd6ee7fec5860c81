import type { DType } from "../tensor/dtype.js";

/** A tensor in a file, or on its way into one. */
export interface FileTensor {
  readonly dtype: DType;
  /** Whole numbers ≥ 0; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** How many bytes `read` gives. */
  readonly bytes: number;
  /** The elements in row-major order, little-endian. They are read now: nothing keeps them but the caller. */
  read(): Uint8Array;
}
