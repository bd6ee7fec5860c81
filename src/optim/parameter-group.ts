import { type AnyModule, BatchNorm2d, GroupNorm, LayerNorm, type Parameter } from "../nn/index.js";

/** What some of the parameters have for their own. */
export interface ParameterGroup {
  /** Whether it speaks of this parameter; asked once, when the optimiser is made. */
  has: (name: string, parameter: Parameter) => boolean;
  /** Multiplies the optimiser's learning rate, from 0 up; default 1. 0 keeps the parameters as they are. */
  rate?: number;
  /** In place of the optimiser's, from 0 up. */
  weightDecay?: number;
}

/**
 * No weight decay for vectors and scalars: the biases, and the scales and shifts of norms. Usual for AdamW and LAMB.
 *
 * @param has which parameters instead, e.g. `(name) => name.endsWith(".bias")`
 */
export function withoutDecay(has: ParameterGroup["has"] = (_, { shape }) => shape.length <= 1): ParameterGroup {
  return { has, weightDecay: 0 };
}

/** No weight decay for what norms own, while biases of other layers decay: torchvision's `--norm-weight-decay 0`. */
export function normsWithoutDecay(network: AnyModule): ParameterGroup {
  const owned = new Set<Parameter>();
  for (const [, module] of network.modules()) {
    if (!(module instanceof BatchNorm2d || module instanceof GroupNorm || module instanceof LayerNorm)) continue;
    for (const [, parameter] of module.parameters()) owned.add(parameter);
  }
  return withoutDecay((_, parameter) => owned.has(parameter));
}
