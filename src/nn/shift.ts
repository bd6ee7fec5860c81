import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/**
 * Moves channels in place of convolving them (Wu et al. 2017, arXiv 1711.08141), without parameters or arithmetic:
 * `[N, C, H, W]` → the same. The first ⌊C / kernel²⌋ channels move by the first offset of the `kernel` x `kernel`
 * neighbourhood, up and left, the next by the next offset in row-major order, and so on; the channels left over stay. Zeros come in.
 */
export class Shift extends Module {
  readonly kernel: number;

  /**
   * @param kernel odd; default 3
   * @throws ArgumentError for an even one
   */
  constructor(kernel = 3) {
    super();
    if (!(Number.isInteger(kernel) && kernel > 0 && kernel % 2 === 1)) {
      throw new ArgumentError(`Shift: the kernel size ${kernel} is not an odd number`);
    }
    this.kernel = kernel;
  }

  forward(x: Tensor): Tensor {
    return x.shift(this.kernel);
  }
}
