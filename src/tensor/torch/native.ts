import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FoveaError, messageOf } from "../../errors.js";
import type { DType, TypedArray } from "../dtype.js";
import { chooseOpenBlasKernels } from "./blas.js";
import { usableCores } from "./cores.js";

/** What went wrong inside libtorch, or on the way to it. */
export class EngineError extends FoveaError {
  /** The operator, e.g. `aten::mm`, or what else was asked of the engine, e.g. `backward`. */
  readonly operator: string;
  /** Types and shapes of its tensors, e.g. `float32[2, 3], float32[4, 5]`. */
  readonly inputs: string;

  constructor(
    code: string,
    message: string,
    options: { operator?: string; inputs?: string; hint?: string; cause?: unknown } = {},
  ) {
    super(code, message, options);
    this.operator = options.operator ?? "";
    this.inputs = options.inputs ?? "";
  }
}

/** A tensor as the addon knows it: the number of a place in its table. */
export type TensorId = number;

export type Argument =
  | TensorId
  | boolean
  | string
  | bigint
  | null
  | undefined
  | readonly (number | boolean | bigint | null)[];
export type OperatorResult =
  | TensorId
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly OperatorResult[];
export type NativeOperator = (...args: Argument[]) => OperatorResult;

export interface MemoryStatistics {
  /** Tensors that this thread holds. */
  tensors: number;
  /** Bytes behind them, those of tensors under 4 KiB not counted. */
  bytes: number;
  /** Open scopes. */
  scopes: number;
  /** Bytes that the process's tensors take on the CPU, in blocks of 32 KiB and more. */
  used: number;
  /** Bytes kept for reuse. */
  cached: number;
  /** The most that was used at once. */
  peak: number;
  /** The most that was used and cached at once. */
  peakReserved: number;
  /** Allocations beyond are refused: the machine's memory, or the container's. */
  limit: number;
  /** How often the system was asked for memory. In a loop that has settled this stands still. */
  systemAllocations: number;
}

/** The addon's exports; `native/` says what each does. */
export interface Native {
  operator(name: string, overload?: string): NativeOperator;
  schemas(): string[];
  fromArray(array: TypedArray, shape: readonly number[], dtype: DType): TensorId;
  shareArray(array: TypedArray, shape: readonly number[], dtype: DType): TensorId;
  copyInto(id: TensorId, array: TypedArray): void;
  shape(id: TensorId): number[];
  strides(id: TensorId): number[];
  dtype(id: TensorId): DType;
  device(id: TensorId): string;
  isContiguous(id: TensorId, channelsLast: boolean): boolean;
  item(id: TensorId): number | bigint | boolean;
  isAlive(id: TensorId): boolean;
  dispose(id: TensorId): void;
  guard(id: TensorId): object;
  openSharedGuard(ofTheLast: Float64Array, count: number): object;
  enterScope(): void;
  exitScope(kept: readonly TensorId[]): number;
  disposeInScope(id: TensorId): void;
  keep(id: TensorId): void;
  requiresGrad(id: TensorId): boolean;
  setRequiresGrad(id: TensorId, on: boolean): void;
  isLeaf(id: TensorId): boolean;
  grad(id: TensorId): TensorId | null;
  setGrad(id: TensorId, grad: TensorId | null): void;
  clearGrads(ids: readonly TensorId[]): void;
  backward(outputs: readonly TensorId[], gradients: readonly TensorId[], retain: boolean, create: boolean): void;
  gradientsOf(
    outputs: readonly TensorId[],
    inputs: readonly TensorId[],
    gradients: readonly TensorId[],
    retain: boolean,
    create: boolean,
  ): (TensorId | null)[];
  gradEnabled(): boolean;
  setGradEnabled(on: boolean): boolean;
  enterInferenceMode(): void;
  exitInferenceMode(): void;
  enterAutocast(device: string, dtype: DType): void;
  exitAutocast(): void;
  setThreads(threads: number): void;
  threads(): number;
  manualSeed(seed: number | bigint): void;
  generatorState(device: string): TensorId;
  setGeneratorState(device: string, state: TensorId): void;
  setDeterministic(on: boolean): void;
  deterministic(): boolean;
  setFused(on: boolean): void;
  fused(): boolean;
  setErrorFactory(factory: (kind: string, message: string, operator: string, inputs: string) => Error): void;
  setWarningSink(sink: (message: string) => void): void;
  memory(): MemoryStatistics;
  emptyCache(): void;
  resetPeakMemory(): void;
  synchronize(): void;
  info(): {
    version: string;
    oneDnn: boolean;
    cudaDevices: number;
    builtWithCuda: boolean;
    capabilityChoice: string;
    hugePages: boolean;
    configuration: string;
  };
}

/** What the set-up wrote about the addon that it built. */
export interface EngineRecord {
  /** The addon, from the package's root. */
  addon: string;
  libtorch: { version: string; path: string; source: string };
}

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const hint = "Run `npm run setup` in the package's folder; it builds the engine.";

/** @throws EngineError with the code ENGINE_MISSING when the engine was not built */
export function engineRecord(): EngineRecord {
  const path = join(root, "build/engine.json");
  if (!existsSync(path)) throw new EngineError("ENGINE_MISSING", "The native engine is not built.", { hint });
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Where the addon lies. */
export function addonPath(): string {
  return join(root, engineRecord().addon);
}

function load(): Native {
  const path = addonPath();
  chooseOpenBlasKernels();
  let loaded: Native;
  try {
    loaded = createRequire(import.meta.url)(path);
  } catch (cause) {
    throw new EngineError("ENGINE_MISSING", `The native engine ${path} does not load (${messageOf(cause)}).`, {
      hint,
      cause,
    });
  }
  loaded.setErrorFactory(toError);
  loaded.setWarningSink((message) => process.emitWarning(plain(message), "EngineWarning"));
  // Debian's libtorch would use one thread. Who sets OMP_NUM_THREADS is obeyed.
  const wish = Number.parseInt(process.env.OMP_NUM_THREADS ?? "", 10);
  loaded.setThreads(wish > 0 ? wish : usableCores());
  return loaded;
}

function toError(kind: string, message: string, operator: string, inputs: string): EngineError {
  const where = operator ? `${operator}${inputs ? `(${inputs})` : ""}: ` : "";
  return new EngineError(kind, `${where}${plain(message)}`, { operator, inputs });
}

/** The first line of a message of libtorch, without its advice on other builds, in the words of this API. */
function plain(message: string): string {
  const [line = message] = message.trim().split("\n");
  return line
    .replace(/ This could be because the operator doesn't exist for this backend.*/, "")
    .replace(/ \(function \w+\)$/, "")
    .replace("retain_graph=True", "retainGraph: true");
}

let loaded: Native | undefined;

/** The addon, loaded on first use. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}
