import {
  type AllowedGlobal,
  counts,
  isObject,
  type PickleArray,
  type PickleTuple,
  type PickleValue,
} from "./values.js";

/** Makes an empty array, whose state follows: `(numpy.ndarray, (0,), b"b")`. */
function arrayOf([type, shape]: readonly PickleValue[]): PickleArray | undefined {
  if (!isObject(type, "name") || !counts(shape)) return undefined;
  return { kind: "array", state: { shape: [0], bytes: "" } };
}

const allowed: Readonly<Record<string, AllowedGlobal>> = {
  "numpy.ndarray": { kind: "name", name: "numpy.ndarray" },
  "numpy.dtype": {
    kind: "builder",
    name: "numpy.dtype",
    build: ([name]) => (textOf(name) === "u1" ? { kind: "array type" } : undefined),
  },
  "_codecs.encode": {
    kind: "builder",
    name: "_codecs.encode",
    // The text stands for bytes already.
    build: ([text, encoding]) => (typeof text === "string" && encoding === "latin1" ? text : undefined),
  },
};
// NumPy 2 renamed the module.
const makers = ["numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"];

/** What a pickle with arrays of NumPy's may name: arrays of uint8 are read, others are not. */
export function findNumpyGlobal(name: string): AllowedGlobal | undefined {
  if (makers.includes(name)) return { kind: "builder", name, build: arrayOf };
  return Object.hasOwn(allowed, name) ? allowed[name] : undefined;
}

/**
 * Gives an array its content, `(version, shape, dtype, whether in Fortran's order, bytes)`. What is said of the dtype's
 * byte order means nothing for single bytes.
 *
 * @returns whether it was one of NumPy's, and right
 */
export function setNumpyState(target: PickleValue, state: PickleTuple): boolean {
  if (isObject(target, "array type")) return true;
  if (!isObject(target, "array")) return false;
  const [, size, type, fortran, bytes] = state.items;
  const shape = counts(size);
  if (!shape || !isObject(type, "array type") || (fortran !== false && fortran !== 0)) return false;
  if (typeof bytes !== "string" && !(bytes instanceof Uint8Array)) return false;
  if (shape.reduce((product, side) => product * side, 1) !== bytes.length) return false;
  // Not copied: a pickle could have one text copied into any number of arrays.
  target.state.shape = shape;
  target.state.bytes = bytes;
  return true;
}

/** A text, whether Python 2 or 3 wrote it, the latter as bytes; undefined for anything else. */
export function textOf(value: PickleValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : undefined;
}

/** The elements of an array, in row-major order; perhaps a view. */
export function bytesOf({ state: { bytes } }: PickleArray): Uint8Array {
  return typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
}
