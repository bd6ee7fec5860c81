import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/**
 * Zeroes elements with probability p in training and scales the rest by 1 / (1 − p); does nothing in evaluation
 * (Srivastava et al. 2014).
 */
export class Dropout extends Module {
  #p: number;

  /** @throws ArgumentError when p does not lie in [0, 1] */
  constructor(p = 0.5) {
    super();
    this.#p = probability("Dropout", p);
  }

  /** From the next forward on. Progressive learning raises it with the images' size (Tan and Le 2021, arXiv 2104.00298). */
  get p(): number {
    return this.#p;
  }

  /** @throws ArgumentError when p does not lie in [0, 1] */
  set p(p: number) {
    this.#p = probability("Dropout", p);
  }

  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? x.dropout(this.p) : x;
  }

  override steps(): readonly Module[] | null {
    const off = !(this.training && this.p > 0);
    return off && this.forward === Dropout.prototype.forward ? [] : null;
  }
}

/**
 * Zeroes whole samples (`row`) or the whole batch with probability p in training: on a residual branch it skips the
 * block (Huang et al. 2016, arXiv 1603.09382). Also called drop path.
 */
export class StochasticDepth extends Module {
  readonly p: number;
  readonly mode: "row" | "batch";

  constructor(p: number, mode: "row" | "batch" = "row") {
    super();
    this.p = probability("StochasticDepth", p);
    this.mode = mode;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? x.stochasticDepth(this.p, this.mode) : x;
  }

  override steps(): readonly Module[] | null {
    const off = !(this.training && this.p > 0);
    return off && this.forward === StochasticDepth.prototype.forward ? [] : null;
  }
}

function probability(layer: string, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${layer}: the probability ${p} does not lie between 0 and 1`);
  return p;
}
