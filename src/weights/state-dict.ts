import { FileError } from "../errors.js";
import { isObject, kindOf, type PickleDict, type PickleTensor, type PickleValue } from "../pickle/index.js";
import { type HyperParameters, plainObject, scalarText } from "./plain.js";

/** The weights in what a PyTorch file holds, and what stands around them. */
export interface StateDictParts {
  /** Names as they are in the file, without `prefix`. */
  tensors: Map<string, PickleTensor>;
  metadata: Record<string, string>;
  hyperParameters: HyperParameters | undefined;
  /** Under which keys the weights stood: `state_dict`; "" when the file is the state dict. */
  entry: string;
  /** Other entries of the file that hold tensors by name. */
  others: string[];
  /** What was taken off every name: `model.`. */
  prefix: string;
}

/** Where training scripts put their weights, in the order in which we look. */
const usual = ["state_dict", "model_state_dict", "model", "net", "network", "weights", "model_ema", "state_dict_ema"];

/** What wrappers of networks put before every name: Lightning and many scripts, DataParallel, torch.compile. */
const prefixes = ["model.", "module.", "_orig_mod."];

/**
 * Finds the weights in what a PyTorch file holds: a dict of tensors, or one in a dict (a Lightning checkpoint's `state_dict`).
 * Hyper-parameters are Lightning's `hyper_parameters`; the numbers, texts and booleans beside the weights become the metadata.
 *
 * @param options.entry take the weights from here, dots between keys, in place of the usual places
 * @param options.keepNames leave the names as they are in the file
 * @throws FileError that lists the entries with tensors when none is at a usual place
 */
export function findStateDict(
  root: PickleValue,
  path: string,
  options: { entry?: string; keepNames?: boolean } = {},
): StateDictParts {
  if (!isObject(root, "dict")) {
    throw new FileError(path, `holds ${kindOf(root)}, not a dict of tensors`, {
      hint: "Save model.state_dict() in PyTorch.",
    });
  }
  const found = options.entry === undefined ? usualPlace(root) : namedPlace(root, options.entry);
  const candidates = [...root.entries].flatMap(([key, value]) =>
    typeof key === "string" && isObject(value, "dict") && usualPlace(value) ? [key] : [],
  );
  if (!found) {
    const places = candidates.map((name) => JSON.stringify(name)).join(", ");
    const wanted = options.entry === undefined ? "at a usual place" : `in its entry ${JSON.stringify(options.entry)}`;
    throw new FileError(path, `has no dict of tensors ${wanted}${places ? `; there are some in ${places}` : ""}`, {
      hint: places ? "Name the entry to take." : "Save model.state_dict() in PyTorch.",
    });
  }
  const tensors = tensorsOf(found.dict);
  const prefix = options.keepNames ? "" : takePrefix(tensors);
  const parameters = root.entries.get("hyper_parameters");
  const hyperParameters = isObject(parameters, "dict") ? plainObject(parameters) : undefined;
  if (isObject(parameters, "dict") && !hyperParameters)
    throw new FileError(path, "has hyper_parameters without an end");
  return {
    tensors,
    metadata: scalarsOf(root),
    hyperParameters,
    entry: found.keys.join("."),
    others: candidates.filter((key) => key !== found.keys[0]),
    prefix,
  };
}

interface Place {
  dict: PickleDict;
  keys: string[];
}

/** The dict itself when it has tensors and no usual entry, else what stands in its first usual entry. */
function usualPlace(dict: PickleDict, depth = 3): Place | undefined {
  if (depth > 0) {
    for (const key of usual) {
      const value = dict.entries.get(key);
      const found = isObject(value, "dict") ? usualPlace(value, depth - 1) : undefined;
      if (found) return { dict: found.dict, keys: [key, ...found.keys] };
    }
  }
  return tensorsOf(dict).size > 0 ? { dict, keys: [] } : undefined;
}

function namedPlace(root: PickleDict, entry: string): Place | undefined {
  const whole = root.entries.get(entry);
  const keys = isObject(whole, "dict") ? [entry] : entry.split(".");
  let dict = root;
  for (const key of keys) {
    const next = dict.entries.get(key);
    if (!isObject(next, "dict")) return undefined;
    dict = next;
  }
  const found = usualPlace(dict);
  return found && { dict: found.dict, keys: [...keys, ...found.keys] };
}

function tensorsOf(dict: PickleDict): Map<string, PickleTensor> {
  const tensors = new Map<string, PickleTensor>();
  for (const [key, value] of dict.entries) {
    if (typeof key === "string" && isObject(value, "tensor")) tensors.set(key, value);
  }
  return tensors;
}

/** Takes off what all names begin with, again and again: `model.module.conv.weight`. */
function takePrefix(tensors: Map<string, PickleTensor>): string {
  let taken = "";
  for (;;) {
    // torch.optim.swa_utils.AveragedModel counts beside the network that it averages.
    const named = [...tensors].filter(([name]) => name !== "n_averaged");
    const prefix = prefixes.find((start) =>
      named.every(([name]) => name.startsWith(start) && name.length > start.length),
    );
    if (prefix === undefined || named.length === 0) return taken;
    tensors.clear();
    for (const [name, tensor] of named) tensors.set(name.slice(prefix.length), tensor);
    taken += prefix;
  }
}

function scalarsOf(dict: PickleDict): Record<string, string> {
  const notes: [string, string][] = [];
  for (const [key, value] of dict.entries) {
    const text = typeof key === "string" ? scalarText(value) : undefined;
    if (typeof key === "string" && text !== undefined) notes.push([key, text]);
  }
  return Object.fromEntries(notes);
}
