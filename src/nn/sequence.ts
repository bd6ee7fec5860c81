import type { Tensor } from "../tensor/index.js";
import { normActivation } from "./activation.js";
import type { Module } from "./module.js";
import { fusesInto } from "./norm.js";

/**
 * The result of modules that run one after the other. A batch norm and the activation behind it run as one operation,
 * unless one of the two has a `forward` of its own or is watched, as tracing does: then each module's `forward` is called.
 * What a module made and did not return is freed when it has run, see {@link Tensor.through}.
 */
export function sequence(x: Tensor, modules: readonly Module[]): Tensor {
  return run(x, modules.flatMap(unrolled));
}

/**
 * activation(branch(x) + shortcut()), where the branch is modules that run one after the other and the shortcut is evaluated
 * behind them. Where the branch ends in a batch norm, that, the sum and the activation run as one operation, under the
 * conditions of {@link sequence}.
 *
 * @param activation null for none
 */
export function residual(
  x: Tensor,
  branch: readonly Module[],
  shortcut: () => Tensor,
  activation: Module | null = null,
): Tensor {
  const steps = branch.flatMap(unrolled);
  const name = activation === null ? "none" : normActivation(activation);
  const last = steps.at(-1);
  if (name !== undefined && last && fusesInto(last)) {
    const before = run(x, steps.slice(0, -1));
    return last.forwardInto(before, name, shortcut());
  }
  const sum = run(x, steps).add(shortcut());
  return activation === null ? sum : activation.forward(sum);
}

function run(x: Tensor, steps: readonly Module[]): Tensor {
  const parts: ((x: Tensor) => Tensor)[] = [];
  for (let i = 0; i < steps.length; i++) {
    const [step, next] = [steps[i], steps[i + 1]];
    if (!step) continue;
    const activation = next && normActivation(next);
    if (activation !== undefined && fusesInto(step)) {
      parts.push((input) => step.forwardInto(input, activation));
      i++;
    } else {
      parts.push((input) => step.forward(input));
    }
  }
  return x.through(parts);
}

function unrolled(module: Module): readonly Module[] {
  return module.steps()?.flatMap(unrolled) ?? [module];
}
