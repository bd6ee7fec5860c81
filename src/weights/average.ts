import { ArgumentError, FileError, FoveaError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { formatShape, isFloating, sameShape } from "../tensor/index.js";
import { scope, TorchTensor, zeros } from "../tensor/torch/index.js";
import { hyperParametersKey, type OpenCheckpoint, openCheckpoint } from "./checkpoint.js";
import type { FileTensor } from "./file-tensor.js";
import { hyperParametersText } from "./plain.js";
import { engineTensor, fileTensors } from "./weights.js";

/** The mean of several networks' weights. Close it with `using`, or `[Symbol.dispose]()`, when its tensors are read. */
export interface AveragedWeights extends Disposable {
  /** By name, in the order of the first source. Each is read from all sources when it is asked for. */
  tensors: Map<string, FileTensor>;
  /** What the files say beside their tensors, as far as all say the same: for `writeTensors`. */
  metadata: Record<string, string>;
}

/**
 * The mean of the weights of several networks of the same kind (model soups: Wortsman et al. 2022, arXiv 2203.05482). Sums
 * are kept in float64 and come out in the first one's type; whole numbers, such as how many batches a batch norm has seen, are the
 * last one's. Only one tensor of each file is in memory at a time.
 *
 * The running statistics of batch norms are averaged as the weights are. They are not those of the averaged network:
 * `measureBatchNorm` measures these.
 *
 * @param sources files that `openCheckpoint` reads, or tensors by name
 * @param weights how much each counts, at least 0, in proportion to the others; default all the same
 * @throws ArgumentError without sources, or when the weights are not one for each, one is negative or all are 0
 * @throws FoveaError with the code STATE_DICT that lists every name, shape or type that differs from the first's
 * @throws FileError when a file cannot be read, or was made for other classes than another
 */
export function averageWeights(
  sources: readonly (string | StateDict)[],
  weights: readonly number[] = sources.map(() => 1),
): AveragedWeights {
  const total = checkWeights(weights, sources.length);
  const files: OpenCheckpoint[] = [];
  const close = () => {
    for (const file of files) file[Symbol.dispose]();
  };
  try {
    const all = sources.map((source) => {
      if (typeof source !== "string") return fileTensors(source);
      const file = openCheckpoint(source);
      files.push(file);
      return file.tensors;
    });
    const names = sources.map((source, i) => (typeof source === "string" ? source : `weights ${i + 1}`));
    const tensors = meansOf(all, names, weights, total);
    const metadata = files.length === sources.length ? commonMetadata(files, names) : {};
    return { tensors, metadata, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** @returns their sum */
function checkWeights(weights: readonly number[], sources: number): number {
  if (sources === 0) throw new ArgumentError("there are no weights to average");
  if (weights.length !== sources) {
    throw new ArgumentError(`${sources} networks to average need as many weights, not ${weights.length}`);
  }
  const wrong = weights.find((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  if (wrong !== undefined) throw new ArgumentError(`a weight of an average is ${wrong}, not a number of at least 0`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) throw new ArgumentError("the weights of an average are all 0");
  return total;
}

function meansOf(
  all: readonly ReadonlyMap<string, FileTensor>[],
  names: readonly string[],
  weights: readonly number[],
  total: number,
): Map<string, FileTensor> {
  const [first = new Map<string, FileTensor>()] = all;
  for (const [i, tensors] of all.entries()) requireSame(tensors, names[i] ?? "", first, names[0] ?? "");
  const means = new Map<string, FileTensor>();
  for (const [name, stored] of first) {
    const those = all.flatMap((tensors) => tensors.get(name) ?? []);
    const read = () => mean(stored, those, weights, total);
    means.set(name, isFloating(stored.dtype) ? { ...stored, read } : (those.at(-1) ?? stored));
  }
  return means;
}

function mean(
  { dtype, shape }: FileTensor,
  those: readonly FileTensor[],
  weights: readonly number[],
  total: number,
): Uint8Array {
  const { buffer, byteOffset, byteLength } = scope(() => {
    const sum = zeros(shape, { dtype: "float64" });
    for (const [i, stored] of those.entries()) {
      scope(() => {
        sum.add_(engineTensor(stored).to({ dtype: "float64" }), weights[i]);
      });
    }
    return TorchTensor.of(sum.div(total)).to({ dtype }).data();
  });
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function requireSame(
  tensors: ReadonlyMap<string, FileTensor>,
  whose: string,
  first: ReadonlyMap<string, FileTensor>,
  firstName: string,
): void {
  const missing = [...first.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !first.has(name));
  const other = [...first].flatMap(([name, { dtype, shape }]) => {
    const found = tensors.get(name);
    const alike = !found || found.dtype === dtype || (isFloating(found.dtype) && isFloating(dtype));
    if (!found || (alike && sameShape(found.shape, shape))) return [];
    return [`${name} (${found.dtype} ${formatShape(found.shape)}, not ${dtype} ${formatShape(shape)})`];
  });
  const lines = [
    ["missing", missing],
    ["besides", unexpected],
    ["of another shape or type", other],
  ] as const;
  const told = lines.flatMap(([title, names]) => (names.length > 0 ? [`  ${title}: ${names.join(", ")}`] : []));
  if (told.length === 0) return;
  throw new FoveaError("STATE_DICT", `${whose}: is not of the same network as ${firstName}:\n${told.join("\n")}`, {
    hint: "Only weights of one network with as many classes can be averaged.",
  });
}

/** @throws FileError when two name different classes: the same output stands for different things then */
function commonMetadata(files: readonly OpenCheckpoint[], paths: readonly string[]): Record<string, string> {
  const notes = files.map(({ metadata, hyperParameters }): Record<string, string> => {
    return hyperParameters ? { ...metadata, [hyperParametersKey]: hyperParametersText(hyperParameters) } : metadata;
  });
  const [first = {}, ...others] = notes;
  for (const [i, { classes }] of notes.entries()) {
    if (classes === undefined || first.classes === undefined || classes === first.classes) continue;
    throw new FileError(paths[i] ?? "", `was made for the classes ${classes}, ${paths[0]} for ${first.classes}`, {
      hint: "Outputs that stand for different classes cannot be averaged.",
    });
  }
  return Object.fromEntries(Object.entries(first).filter(([key, text]) => others.every((note) => note[key] === text)));
}
