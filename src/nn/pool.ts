import type { AvgPoolOptions, MaxPoolOptions, Size2, Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/** The greatest element of every window. Stride defaults to the kernel's size. */
export class MaxPool2d extends Module {
  readonly kernel: Size2;
  readonly options: MaxPoolOptions;

  constructor(kernel: Size2, options: MaxPoolOptions = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return x.maxPool2d(this.kernel, this.options);
  }
}

/** The mean of every window. Stride defaults to the kernel's size. */
export class AvgPool2d extends Module {
  readonly kernel: Size2;
  readonly options: AvgPoolOptions;

  constructor(kernel: Size2, options: AvgPoolOptions = {}) {
    super();
    this.kernel = kernel;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return x.avgPool2d(this.kernel, this.options);
  }
}

/** Means over windows that give the wanted height and width; 1 for global pooling. */
export class AdaptiveAvgPool2d extends Module {
  readonly size: Size2;

  constructor(size: Size2) {
    super();
    this.size = size;
  }

  forward(x: Tensor): Tensor {
    return x.adaptiveAvgPool2d(this.size);
  }
}

/** Maxima over windows that give the wanted height and width. */
export class AdaptiveMaxPool2d extends Module {
  readonly size: Size2;

  constructor(size: Size2) {
    super();
    this.size = size;
  }

  forward(x: Tensor): Tensor {
    return x.adaptiveMaxPool2d(this.size);
  }
}
