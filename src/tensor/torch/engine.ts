import { loadedBlas } from "./blas.js";
import { addonPath, engineRecord, type MemoryStatistics, native } from "./native.js";
import { TorchTensor } from "./torch-tensor.js";

export interface EngineInfo {
  /** libtorch's version. */
  version: string;
  /** The addon's path. */
  addon: string;
  /** The folder that libtorch was found in. */
  libraryPath: string;
  /** The vector instructions of the kernels in use: DEFAULT, AVX2, AVX512. */
  cpuCapability: string;
  /** Who chose them: the variable `ATEN_CPU_CAPABILITY`, Fovea (AVX-512 where the processor has it), or libtorch. */
  capabilityChoice: string;
  threads: number;
  /** Whether the system lays large tensors on huge pages. Without them, the first use of memory is several times slower. */
  hugePages: boolean;
  /** The file of the BLAS that multiplies matrices; undefined where libtorch brings its own. */
  blas: string | undefined;
  /** See {@link setFused}. */
  fused: boolean;
  cuda: { available: boolean; devices: string[]; reason: string | undefined };
}

/** What the engine is and runs on. @throws EngineError with the code ENGINE_MISSING when it was not built */
export function engineInfo(): EngineInfo {
  const { version, configuration, cudaDevices, builtWithCuda, capabilityChoice, hugePages } = native().info();
  const reason = builtWithCuda ? "no CUDA device was found" : "this libtorch is built without CUDA";
  return {
    version,
    addon: addonPath(),
    libraryPath: engineRecord().libtorch.path,
    cpuCapability: /CPU capability usage: (\S+)/.exec(configuration)?.[1] ?? "unknown",
    capabilityChoice,
    threads: native().threads(),
    hugePages,
    blas: loadedBlas(),
    fused: native().fused(),
    cuda: {
      available: cudaDevices > 0,
      devices: Array.from({ length: cudaDevices }, (_, i) => `cuda:${i}`),
      reason: cudaDevices > 0 ? undefined : reason,
    },
  };
}

/** The number of threads of one operator; default {@link usableCores}, or `OMP_NUM_THREADS`. Each worker has its own. */
export function threads(): number {
  return native().threads();
}

export function setThreads(count: number): void {
  native().setThreads(count);
}

/** Seeds the generators of all devices: dropout, {@link rand}. */
export function manualSeed(seed: number): void {
  native().manualSeed(seed);
}

/** A copy of a generator's state, to be restored by {@link setGeneratorState}. */
export function generatorState(device = "cpu"): TorchTensor {
  return TorchTensor.adopt(native().generatorState(device));
}

export function setGeneratorState(state: TorchTensor, device = "cpu"): void {
  native().setGeneratorState(device, state.id);
}

/** Only algorithms that give the same result every time; operators that have none then throw. */
export function setDeterministic(on: boolean): void {
  native().setDeterministic(on);
}

export function isDeterministic(): boolean {
  return native().deterministic();
}

/**
 * With false, Fovea's own kernels (batch norm with its activation, depthwise convolution, pooling, …) give way to libtorch's
 * operators, which give the same numbers up to rounding: for comparisons, and to find out whether a kernel is at fault.
 * On at the start, unless the environment variable `FOVEA_FUSED` is 0. Of the whole process.
 */
export function setFused(on: boolean): void {
  native().setFused(on);
}

export function isFused(): boolean {
  return native().fused();
}

/** What tensors hold now; compare before and after to find a leak. */
export function memory(): MemoryStatistics {
  return native().memory();
}

/** Gives memory that is kept for reuse back to the system. The next tensors then cost more. */
export function emptyCache(): void {
  native().emptyCache();
}

/** Starts {@link MemoryStatistics.peak} and `peakReserved` anew. */
export function resetPeakMemory(): void {
  native().resetPeakMemory();
}

/** Waits for the GPUs. */
export function synchronize(): void {
  native().synchronize();
}

/** Every operator that this libtorch has, as schemas: `aten::relu(Tensor self) -> Tensor`. */
export function schemas(): string[] {
  return native().schemas();
}
