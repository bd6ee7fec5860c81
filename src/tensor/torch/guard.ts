import { native, type TensorId } from "./native.js";

/** How many small tensors share a guard: the collector frees them when the last of them is unreachable. */
const sharing = 256;

let depth = 0;
let shared: object | undefined;
/** The tensors that refer to `shared`. */
const sharers = new Float64Array(sharing);
let count = sharing;

/**
 * The object that keeps a new tensor's memory alive for as long as the tensor refers to it, or none where a scope does
 * that (see `native/environment.h`). Ids of large tensors come negative: they have a guard of their own.
 */
export function guardOf(id: TensorId): object | undefined {
  if (depth > 0) return undefined;
  if (id < 0) return native().guard(-id);
  if (count === sharing) {
    shared = native().openSharedGuard(sharers, shared ? sharing : 0);
    count = 0;
  }
  sharers[count++] = id;
  return shared;
}

export function enterScope(): void {
  native().enterScope();
  depth++;
}

export function inScope(): boolean {
  return depth > 0;
}

/** Ends the innermost scope; the number of kept tensors that were made in it. Those that leave the outermost need guards. */
export function exitScope(kept: readonly TensorId[]): number {
  depth--;
  return native().exitScope(kept);
}
