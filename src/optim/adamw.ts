import type { Parameter } from "../nn/index.js";
import { Adam, type AdamOptions } from "./adam.js";
import type { Update } from "./optimizer.js";

export interface AdamWOptions extends AdamOptions {
  /** The share of a weight that a step of learning rate 1 would take off; default 0.01. */
  weightDecay?: number;
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), by PyTorch's formulae. */
export class AdamW extends Adam {
  constructor(parameters: Iterable<[string, Parameter]>, options: AdamWOptions = {}) {
    super(parameters, { ...options, weightDecay: options.weightDecay ?? 0.01 });
  }

  protected override update(update: Update): void {
    this.descend(update, true);
  }
}
