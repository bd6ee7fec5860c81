import { ArgumentError } from "../../errors.js";
import { native } from "./native.js";
import { TorchTensor } from "./torch-tensor.js";

/** Runs a function without recording for autograd. */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body);
}

/** Records for autograd again, inside {@link noGrad}. */
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body);
}

function withGrad<T>(on: boolean, body: () => T): T {
  const before = native().setGradEnabled(on);
  try {
    return synchronous(body(), on ? "enableGrad" : "noGrad");
  } finally {
    native().setGradEnabled(before);
  }
}

/** Faster than {@link noGrad}: the tensors made in it can never take part in autograd. */
export function inferenceMode<T>(body: () => T): T {
  native().enterInferenceMode();
  try {
    return synchronous(body(), "inferenceMode");
  } finally {
    native().exitInferenceMode();
  }
}

/**
 * The gradients of outputs with respect to inputs, without touching any `.grad`; null for an input that the outputs do not
 * depend on.
 *
 * @param gradients weights of outputs that are not scalars
 */
export function grad(
  outputs: readonly TorchTensor[],
  inputs: readonly TorchTensor[],
  options: { gradients?: readonly TorchTensor[]; retainGraph?: boolean; createGraph?: boolean } = {},
): (TorchTensor | null)[] {
  const { gradients = [], createGraph = false, retainGraph = createGraph } = options;
  const ids = (tensors: readonly TorchTensor[]) => tensors.map((tensor) => tensor.id);
  return native()
    .gradientsOf(ids(outputs), ids(inputs), ids(gradients), retainGraph, createGraph)
    .map((id) => (id === null ? null : TorchTensor.adopt(id)));
}

/** Forgets the gradients: the next backward writes them anew. */
export function clearGrads(tensors: readonly TorchTensor[]): void {
  native().clearGrads(tensors.map((tensor) => tensor.id));
}

/**
 * What a function gave whose surroundings end with it.
 *
 * @throws ArgumentError when it is a promise: the rest of the function would run without them
 */
export function synchronous<T>(result: T, name: string): T {
  if (result instanceof Promise) {
    // What it still throws is not the caller's, who gets the error below.
    result.catch(() => {});
    throw new ArgumentError(`${name} takes a function that is not async`);
  }
  return result;
}
