import { ArgumentError, messageOf } from "../errors.js";

/** The element types of tensors, by PyTorch's names. */
export type DType = "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "uint8" | "bool";

/** Bytes of one element. */
export const bytesOf: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
};

/** The typed array that holds a type's elements; the 16-bit floats come as their bits. */
export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** Any typed array that a tensor can be made from. */
export type TypedArray = ArrayOf[DType];

const arrays: { readonly [T in DType]: new (length: number) => ArrayOf[T] } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/**
 * A new typed array for so many elements of a type, all zero.
 *
 * @throws ArgumentError when the type has none, or there is no memory for it
 */
export function arrayOf<T extends DType>(dtype: T, length: number): ArrayOf[T] {
  const make = arrays[dtype];
  // operators called by their schemas give other types too
  if (!make) throw new ArgumentError(`tensors of the type ${dtype} have no typed array`, "Convert it: x.to({ dtype })");
  try {
    return new make(length);
  } catch (cause) {
    throw new ArgumentError(`no typed array of ${length} elements can be made (${messageOf(cause)})`);
  }
}

/** The type that a typed array stands for where none is named: a `Uint8Array` is `uint8`, a `Uint16Array` needs a name. */
export function dtypeOf(array: TypedArray): DType | undefined {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Uint8Array) return "uint8";
  return undefined;
}

/** True for the types that have gradients. */
export function isFloating(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}
