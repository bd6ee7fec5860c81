import { Dropout } from "./dropout.js";
import type { AnyModule, Module } from "./module.js";
import { Parameter } from "./parameter.js";

/**
 * The dropout in front of a network's last layer, the one whose probability recipes name: the last {@link Dropout} in the
 * order of the modules, where exactly one module with parameters of its own comes after it. Undefined for a network that
 * has none there, such as DenseNet, whose dropouts lie inside its blocks.
 */
export function headDropout(network: AnyModule): Dropout | undefined {
  let found: Dropout | undefined;
  let layersAfter = 0;
  for (const [, module] of network.modules()) {
    if (module instanceof Dropout) {
      found = module;
      layersAfter = 0;
    } else if (ownsParameters(module)) layersAfter++;
  }
  return layersAfter === 1 ? found : undefined;
}

function ownsParameters(module: Module<never>): boolean {
  return Object.values(module)
    .flat()
    .some((value) => value instanceof Parameter);
}
