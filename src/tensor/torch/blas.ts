import { readFileSync } from "node:fs";

/** Instruction sets of the processor as Linux names them, such as `avx2`; none on other systems. */
export function processorFlags(): ReadonlySet<string> {
  try {
    const flags = readFileSync("/proc/cpuinfo", "utf8").match(/^flags\s*:(.*)$/m)?.[1] ?? "";
    return new Set(flags.trim().split(/\s+/));
  } catch {
    return new Set();
  }
}

/**
 * The kernels of OpenBLAS that suit a processor; undefined where it should choose. By itself it goes by the model's number, and
 * takes those of 2004 for a processor that is newer than itself: six times slower, of which nothing tells.
 */
export function openBlasKernels(flags: ReadonlySet<string>): string | undefined {
  const has = (...names: string[]) => names.every((name) => flags.has(name));
  if (has("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl")) return "SKYLAKEX";
  return has("avx2", "fma") ? "HASWELL" : undefined;
}

/** Tells OpenBLAS, which reads its variable once when the engine is loaded. Who sets `OPENBLAS_CORETYPE` is obeyed. */
export function chooseOpenBlasKernels(): void {
  const kernels = openBlasKernels(processorFlags());
  if (kernels !== undefined) process.env.OPENBLAS_CORETYPE ??= kernels;
}

/** The file of the BLAS that this process has loaded, where it is a library of its own and not a part of libtorch. */
export function loadedBlas(): string | undefined {
  try {
    const maps = readFileSync("/proc/self/maps", "utf8");
    return /\/\S*\/lib(?:blas|openblas|blis|mkl_rt|flexiblas)[^/\s]*\.so\S*/.exec(maps)?.[0];
  } catch {
    return undefined;
  }
}
