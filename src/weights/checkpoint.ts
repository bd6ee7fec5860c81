import { FileError } from "../errors.js";
import { type ByteSource, FileReader } from "./file-reader.js";
import type { FileTensor } from "./file-tensor.js";
import { type HyperParameters, parseHyperParameters } from "./plain.js";
import { openSafetensors, type SafetensorsEntry } from "./safetensors.js";
import { findStateDict } from "./state-dict.js";
import { torchTensors } from "./torch-file.js";
import { openTorchLegacy } from "./torch-legacy.js";
import { openTorchZip } from "./torch-zip.js";

/** `torch zip` is what `torch.save` writes since PyTorch 1.6, `torch legacy` what it wrote before. */
export type CheckpointFormat = "safetensors" | "torch zip" | "torch legacy";

/** What stands in a checkpoint beside the tensors. */
export interface CheckpointFacts {
  format: CheckpointFormat;
  /** Text by key: of a safetensors file its own, of a PyTorch file the numbers and texts beside the weights. */
  metadata: Record<string, string>;
  /** What the network was made with, where the file tells: Lightning's `hyper_parameters`. */
  hyperParameters: HyperParameters | undefined;
  /** Where in the file the weights stood, e.g. `state_dict`; "" when they were all it holds. */
  entry: string;
  /** Other entries that hold tensors by name, e.g. `model_ema`; `entry` in the options takes them. */
  others: string[];
  /** What was taken off all names: `model.`, or "". */
  prefix: string;
}

export interface Checkpoint extends CheckpointFacts {
  /** By name, in the order of the file. */
  tensors: Map<string, SafetensorsEntry>;
}

/** A checkpoint whose tensors are read when they are asked for. Close it with `using`, or `[Symbol.dispose]()`. */
export interface OpenCheckpoint extends CheckpointFacts, Disposable {
  tensors: Map<string, FileTensor>;
}

export interface CheckpointOptions {
  /** Of a PyTorch file: the entry that holds the weights, e.g. `model_ema`. Default: the first of the usual ones. */
  entry?: string;
}

/**
 * Reads the tensors of a file: `.safetensors`, and what `torch.save` writes, both the zip format and the one before
 * PyTorch 1.6. The content decides, not the name. Nothing in the file is executed: PyTorch's pickles are read as data, and
 * one that names anything but tensors, numbers, texts, lists and dicts is refused.
 *
 * Of a PyTorch file the weights are the dict of tensors itself, or the first found of its entries `state_dict` (Lightning),
 * `model_state_dict`, `model`, `net`, `network`, `weights`, `model_ema`, `state_dict_ema`. What wrappers put before all
 * names (`model.`, `module.`, `_orig_mod.`) is taken off, unless Fovea wrote the file.
 *
 * @throws FileError when the file is absent, damaged, of no such format, or holds what is refused
 */
export function readCheckpoint(path: string, options: CheckpointOptions = {}): Checkpoint {
  using open = openCheckpoint(path, options);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, { dtype, shape, read }] of open.tensors) tensors.set(name, { dtype, shape, data: read() });
  const { format, metadata, hyperParameters, entry, others, prefix } = open;
  return { format, metadata, hyperParameters, entry, others, prefix, tensors };
}

/** As `readCheckpoint`, with tensors that take memory only when they are read. @throws FileError */
export function openCheckpoint(path: string, options: CheckpointOptions = {}): OpenCheckpoint {
  const file = new FileReader(path);
  try {
    return { ...openSource(file, options), [Symbol.dispose]: () => file[Symbol.dispose]() };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** As `openCheckpoint`, of anything that gives bytes. */
export function openSource(
  file: ByteSource,
  { entry }: CheckpointOptions = {},
): CheckpointFacts & { tensors: Map<string, FileTensor> } {
  const format = formatOf(file);
  if (format === "safetensors") {
    if (entry !== undefined)
      throw new FileError(file.path, "is a safetensors file, which has no entries to choose from");
    const { tensors, metadata } = openSafetensors(file);
    return { format, tensors, entry: "", others: [], prefix: "", ...splitMetadata(metadata) };
  }
  const { root, find, note } = format === "torch zip" ? openTorchZip(file) : openTorchLegacy(file);
  const found = findStateDict(root, file.path, { entry, keepNames: note !== undefined });
  const tensors = torchTensors(found.tensors, find, file);
  if (note === undefined) return { ...found, format, tensors };
  return { ...found, format, tensors, ...splitMetadata(readNote(note, file.path)) };
}

/** The key under which hyper-parameters travel in the metadata of the files that we write, as JSON. */
export const hyperParametersKey = "hyper_parameters";

function splitMetadata(all: Record<string, string>): Pick<CheckpointFacts, "metadata" | "hyperParameters"> {
  const { [hyperParametersKey]: text, ...metadata } = all;
  const hyperParameters = text === undefined ? undefined : parseHyperParameters(text);
  return hyperParameters ? { metadata, hyperParameters } : { metadata: all, hyperParameters };
}

function readNote(text: string, path: string): Record<string, string> {
  const notes: [string, string][] = [];
  for (const [key, value] of Object.entries(parseHyperParameters(text) ?? { note: null })) {
    if (typeof value !== "string") throw new FileError(path, "has metadata that are not texts by key");
    notes.push([key, value]);
  }
  return Object.fromEntries(notes);
}

/** By the first bytes: a zip's signature, a pickle's protocol, or the length of a JSON object. */
function formatOf(file: ByteSource): CheckpointFormat {
  const head = Buffer.from(file.read(0, Math.min(file.size, 9)));
  if (head.length >= 4 && ["PK\x03\x04", "PK\x05\x06"].includes(head.toString("latin1", 0, 4))) return "torch zip";
  if (head.length === 9 && head[8] === 0x7b && head.readUInt32LE(4) === 0) return "safetensors";
  const protocol = head[1] ?? 0;
  if (head[0] === 0x80 && protocol >= 2 && protocol <= 5) return "torch legacy";
  throw new FileError(file.path, "is neither a safetensors nor a PyTorch file, or its beginning is damaged", {
    hint: "Weights are read from .safetensors files and from what torch.save writes (.pt, .pth, .ckpt, .bin).",
  });
}
