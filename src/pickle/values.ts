/** What a pickle can hold here: data, and nothing that acts. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleSet
  | PickleDict
  | PickleStorage
  | PickleTensor
  | PickleArray
  | PickleArrayType
  | AllowedGlobal;

export interface PickleList {
  readonly kind: "list";
  readonly items: PickleValue[];
}

export interface PickleTuple {
  readonly kind: "tuple";
  readonly items: readonly PickleValue[];
}

export interface PickleSet {
  readonly kind: "set";
  readonly items: Set<PickleValue>;
}

export interface PickleDict {
  readonly kind: "dict";
  readonly entries: Map<PickleValue, PickleValue>;
  /** What Python's `__setstate__` would do: keep the attributes as entries, or drop them; no plain dict has any. */
  readonly attributes: "none" | "dropped" | "entries";
}

/** A block of memory that tensors share; its bytes lie elsewhere in the file. */
export interface PickleStorage {
  readonly kind: "storage";
  /** Under which name the file keeps the bytes. */
  readonly key: string;
  readonly type: StorageType;
  /** Elements in the whole block. */
  readonly length: number;
  /** First element of the block that offsets count from; other than 0 only in files of PyTorch before 0.4. */
  readonly start: number;
}

/** A tensor as the file describes it; nothing is checked against the storage yet. */
export interface PickleTensor {
  readonly kind: "tensor";
  readonly storage: PickleStorage;
  /** First element, from the storage's start. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one index to the next, per dimension. */
  readonly strides: readonly number[];
}

/** An array of NumPy's, of whole numbers from 0 to 255. */
export interface PickleArray {
  readonly kind: "array";
  readonly state: {
    shape: readonly number[];
    /** In row-major order; what Python 2 wrote is a text, each character a byte. */
    bytes: Uint8Array | string;
  };
}

/** NumPy's dtype of a {@link PickleArray}; there is but one. */
export interface PickleArrayType {
  readonly kind: "array type";
}

/** What a storage's elements are. */
export interface StorageType {
  /** PyTorch's name of the dtype, e.g. `"int16"`. */
  readonly dtype: string;
  readonly itemSize: number;
}

/** Something of Python's that a pickle may name. */
export type AllowedGlobal =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "storage type"; readonly name: string; readonly type: StorageType }
  | { readonly kind: "builder"; readonly name: string; readonly build: Build };

/** Makes data of arguments. @returns undefined when the arguments are not those it takes */
export type Build = (args: readonly PickleValue[]) => PickleValue | undefined;

/** The kind of any value, for messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value === "object" ? value.kind : typeof value;
}

export function isObject<K extends Kinded["kind"]>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<Kinded, { kind: K }> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && value.kind === kind;
}

type Kinded = Extract<PickleValue, { kind: string }>;

/** Whole numbers ≥ 0, at most 64, as shapes and strides are; undefined for anything else. */
export function counts(value: PickleValue | undefined): number[] | undefined {
  if ((!isObject(value, "tuple") && !isObject(value, "list")) || value.items.length > 64) return undefined;
  const numbers: number[] = [];
  for (const item of value.items) {
    const number = count(item);
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return numbers;
}

export function count(value: PickleValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
