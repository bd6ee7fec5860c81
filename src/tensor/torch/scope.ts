import { ArgumentError } from "../../errors.js";
import { enterScope, exitScope, inScope } from "./guard.js";
import { TorchTensor } from "./torch-tensor.js";

/**
 * Runs a function and frees every tensor made in it, but for those in its result: a tensor, or an array, map or plain
 * object that holds tensors. Scopes nest; what an inner one returns belongs to the outer one.
 *
 * Gradients, parameters and whatever else libtorch itself still refers to live on.
 *
 * @throws ArgumentError when the function is asynchronous: its tensors would be freed before it goes on
 */
export function scope<T>(body: () => T): T {
  enterScope();
  let kept: TorchTensor[] = [];
  try {
    const result = body();
    if (result instanceof Promise) {
      // What it still throws is not the caller's, who gets the error below.
      result.catch(() => {});
      throw new ArgumentError(
        "scope takes a function that is not async",
        "Open scopes inside the async function instead.",
      );
    }
    kept = [...tensorsIn(result)];
    return result;
  } finally {
    exitScope(kept.map((tensor) => tensor.id));
    if (!inScope()) for (const tensor of kept) tensor.hold();
  }
}

function tensorsIn(value: unknown, found = new Set<TorchTensor>(), seen = new Set<object>()): Set<TorchTensor> {
  if (value === null || typeof value !== "object" || seen.has(value)) return found;
  if (value instanceof TorchTensor) {
    if (value.alive) found.add(value);
    return found;
  }
  seen.add(value);
  for (const item of itemsOf(value)) tensorsIn(item, found, seen);
  return found;
}

function itemsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  if (value instanceof Map) return value.values();
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : [];
}
