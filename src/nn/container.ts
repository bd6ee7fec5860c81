import type { Tensor } from "../tensor/index.js";
import { type AnyModule, Module } from "./module.js";
import { sequence } from "./sequence.js";

/**
 * Modules one after the other, named by their place, or by the keys they are given with.
 *
 * They run by {@link sequence}: in a scope each is a scope of its own, and a module that puts tensors by, to be looked at
 * after its `forward`, must `keep()` them.
 */
export class Sequential extends Module {
  readonly #modules: readonly (readonly [string, Module])[];
  readonly #steps: readonly Module[];

  constructor(...modules: readonly Module[] | readonly [Readonly<Record<string, Module>>]) {
    super();
    const [only] = modules;
    this.#modules =
      only === undefined || only instanceof Module
        ? modules.map((module, i) => [String(i), module as Module] as const)
        : Object.entries(only);
    this.#steps = this.#modules.map(([, module]) => module);
  }

  override *children(): Iterable<[string, AnyModule]> {
    for (const [name, module] of this.#modules) yield [name, module as AnyModule];
  }

  forward(x: Tensor): Tensor {
    return sequence(x, this.#steps);
  }

  override steps(): readonly Module[] | null {
    return this.forward === Sequential.prototype.forward ? this.#steps : null;
  }
}

/** Merges the dimensions from `start` to `end`; default all but the batch. */
export class Flatten extends Module {
  readonly start: number;
  readonly end: number;

  constructor(start = 1, end = -1) {
    super();
    this.start = start;
    this.end = end;
  }

  forward(x: Tensor): Tensor {
    return x.flatten(this.start, this.end);
  }
}
