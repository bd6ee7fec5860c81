import { isObject, kindOf, type PickleDict, type PickleValue } from "../pickle/index.js";

/** Data as JSON knows it; numbers may be NaN or infinite. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

/** What a network was made with, as its checkpoint tells: `{ model_name: "ResNet", model_hparams: { … } }`. */
export type HyperParameters = { readonly [name: string]: Plain };

/** Hyper-parameters have tens of values. What refers to itself, or to one list again and again, has no end. */
const most = { values: 100_000, depth: 64 };

/**
 * A dict of a pickle as an object. Tuples and sets become arrays, keys texts, names of Python's (`torch.float32`) texts; whole
 * numbers beyond 2^53 become texts; tensors and bytes leave only their kind.
 *
 * @returns undefined when it is too deep or too large
 */
export function plainObject(dict: PickleDict): HyperParameters | undefined {
  const left = { values: most.values };
  const pairs: [string, Plain][] = [];
  for (const [key, value] of dict.entries) {
    const converted = plain(value, left, most.depth);
    if (converted === undefined) return undefined;
    pairs.push([keyOf(key), converted]);
  }
  // fromEntries makes own properties of all keys, "__proto__" among them.
  return Object.fromEntries(pairs);
}

/** One value as text, for the metadata; undefined for what is no number, text or boolean. */
export function scalarText(value: PickleValue): string | undefined {
  return ["string", "number", "bigint", "boolean"].includes(typeof value) ? String(value) : undefined;
}

function plain(value: PickleValue, left: { values: number }, depth: number): Plain | undefined {
  if (left.values-- <= 0 || depth === 0) return undefined;
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return value;
  }
  if (typeof value === "bigint") return String(value);
  if (isObject(value, "list") || isObject(value, "tuple") || isObject(value, "set")) {
    const items: Plain[] = [];
    for (const item of value.items) {
      const converted = plain(item, left, depth - 1);
      if (converted === undefined) return undefined;
      items.push(converted);
    }
    return items;
  }
  if (isObject(value, "dict")) {
    const pairs: [string, Plain][] = [];
    for (const [key, item] of value.entries) {
      const converted = plain(item, left, depth - 1);
      if (converted === undefined) return undefined;
      pairs.push([keyOf(key), converted]);
    }
    return Object.fromEntries(pairs);
  }
  if (isObject(value, "name") || isObject(value, "builder") || isObject(value, "storage type")) return value.name;
  return `<${kindOf(value)}>`;
}

function keyOf(key: PickleValue): string {
  if (key === null) return "None";
  return scalarText(key) ?? (isObject(key, "name") ? key.name : `<${kindOf(key)}>`);
}

/** JSON text of hyper-parameters; numbers that JSON lacks become the texts "NaN", "Infinity", "-Infinity". */
export function hyperParametersText(values: HyperParameters): string {
  return JSON.stringify(values, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  );
}

/** @returns undefined when the text is no JSON object */
export function parseHyperParameters(text: string): HyperParameters | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** All that JSON.parse gives is plain. */
function isPlainObject(value: unknown): value is HyperParameters {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
