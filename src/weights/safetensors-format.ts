import { ArgumentError } from "../errors.js";
import { bytesOf, type DType } from "../tensor/dtype.js";

/** The longest header that the format allows, bytes. */
export const maxHeaderLength = 100_000_000;

/** The format's name of each dtype, in the order in which the reference implementation lays tensors out. */
const names: readonly (readonly [DType, string])[] = [
  ["int64", "I64"],
  ["float64", "F64"],
  ["float32", "F32"],
  ["int32", "I32"],
  ["bfloat16", "BF16"],
  ["float16", "F16"],
  ["uint8", "U8"],
  ["bool", "BOOL"],
];

/** The dtype behind each of the format's names. */
export const typeByName: ReadonlyMap<string, DType> = new Map(names.map(([dtype, name]) => [name, dtype]));

/** A dtype as the format calls it, and its place in the layout. @throws ArgumentError for what is no dtype */
export function nameOf(dtype: DType): { typeName: string; rank: number } {
  const rank = names.findIndex(([known]) => known === dtype);
  const typeName = names[rank]?.[1];
  if (typeName === undefined) throw new ArgumentError(`safetensors cannot hold the dtype ${JSON.stringify(dtype)}`);
  return { typeName, rank };
}

/** Bytes of a tensor; undefined where a size is no whole number ≥ 0 or the product is too large to be exact. */
export function byteLength(dtype: DType, shape: readonly number[]): number | undefined {
  let bytes = bytesOf[dtype];
  for (const size of shape) {
    if (!isCount(size)) return undefined;
    bytes *= size;
    if (bytes > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return bytes;
}

/** A whole number ≥ 0 that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && !Object.is(value, -0) && Number(value) >= 0;
}
