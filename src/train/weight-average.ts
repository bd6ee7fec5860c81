import { ArgumentError, FoveaError } from "../errors.js";
import type { Buffer, Module, Parameter } from "../nn/index.js";
import { formatShape, sameShape } from "../tensor/index.js";
import { noGrad, ops, scope, TorchTensor } from "../tensor/torch/index.js";
import { keepingWeights } from "./keeping-weights.js";

/** How the weights of several moments become one. */
export type AverageRule =
  /**
   * Exponential moving average: avg ← d·avg + (1 − d)·w. `decay` is d, from 0 to below 1. With `warmUp` d is at most
   * (1 + n) / (10 + n) after n updates, as in TensorFlow, so that the first weights are soon forgotten.
   */
  | { readonly name: "ema"; readonly decay: number; readonly warmUp: boolean }
  /** The plain mean, for stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407). */
  | { readonly name: "mean" };

/**
 * An average of a network's weights over the moments of training. Parameters and floating-point buffers (running
 * statistics) are averaged, whole-number buffers copied. What has not changed since keeps its bits in the average.
 *
 * Costs the memory of the weights once, and again while {@link apply} runs.
 */
export class WeightAverage {
  readonly #model: Module;
  readonly #rule: AverageRule;
  readonly #sources: ReadonlyMap<string, Parameter | Buffer>;
  readonly #tensors = new Map<string, TorchTensor>();
  #updates = 0;

  /**
   * @param model materialised before the first update
   * @throws ArgumentError when the decay is out of range
   */
  constructor(model: Module, rule: AverageRule) {
    if (rule.name === "ema" && !(rule.decay >= 0 && rule.decay < 1)) {
      throw new ArgumentError(`the decay of an average must be from 0 to below 1, not ${rule.decay}`);
    }
    this.#model = model;
    this.#rule = rule;
    this.#sources = new Map<string, Parameter | Buffer>([...model.parameters(), ...model.buffers()]);
  }

  /** How often weights were taken in. */
  get updates(): number {
    return this.#updates;
  }

  /** Takes the network's present weights in; the first time it copies them. Not from within {@link apply}. */
  update(): void {
    noGrad(() =>
      scope(() => {
        if (this.#updates === 0)
          this.#copy(new Map([...this.#sources].map(([name, own]) => [name, TorchTensor.of(own)])));
        else {
          this.#approach(true, this.#share());
          this.#approach(false, 1);
        }
      }),
    );
    this.#updates++;
  }

  /**
   * Gives the network the averaged weights while something runs, and then its own again, bit for bit, also after an
   * error.
   *
   * @throws FoveaError with the code STATE before the first update
   */
  apply<T>(body: () => Promise<T>): Promise<T> {
    return keepingWeights(this.#model, () => {
      if (this.#updates === 0) throw new FoveaError("STATE", "There are no averaged weights before the first update.");
      noGrad(() => {
        for (const [name, own] of this.#sources) {
          const average = this.#tensors.get(name);
          if (average) TorchTensor.of(own).copy_(average);
        }
      });
      return body();
    });
  }

  /**
   * Takes the network's present buffers in place of averages: statistics that were measured for the averaged weights, within
   * {@link apply}.
   */
  takeBuffers(): void {
    noGrad(() => {
      for (const [name, buffer] of this.#model.buffers()) this.#tensors.get(name)?.copy_(TorchTensor.of(buffer));
    });
  }

  /** The averages by their names in the network's state. They are this object's own; none before the first update. */
  tensors(): ReadonlyMap<string, TorchTensor> {
    return this.#tensors;
  }

  /**
   * Goes on from averages that {@link tensors} gave, which are copied.
   *
   * @param updates how many they had had; where none, there are no tensors either
   * @throws ArgumentError where names or shapes are not the network's
   */
  load(tensors: ReadonlyMap<string, TorchTensor>, updates: number): void {
    const wrong = updates === 0 ? [...tensors.keys()] : this.#misfits(tensors);
    if (wrong.length > 0) {
      throw new ArgumentError(`the averaged weights do not fit the network: ${wrong.join(", ")}`);
    }
    if (updates === 0) this.release();
    else noGrad(() => scope(() => this.#copy(tensors)));
    this.#updates = updates;
  }

  /** Frees the averages; the next update begins anew. */
  release(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
    this.#updates = 0;
  }

  #copy(values: ReadonlyMap<string, TorchTensor>): void {
    for (const [name, own] of this.#sources) {
      const value = values.get(name);
      if (!value) continue;
      const there = this.#tensors.get(name);
      // Laid out in memory as the network's own, which operators on lists are fast for.
      const average = there ?? TorchTensor.adopt(ops.empty_like(TorchTensor.of(own).id)).keep();
      this.#tensors.set(name, average.copy_(value));
    }
  }

  /** Moves floating-point averages, or the others, this share of the way to the network's weights. */
  #approach(floating: boolean, share: number): void {
    const averages: number[] = [];
    const weights: number[] = [];
    for (const [name, own] of this.#sources) {
      const average = this.#tensors.get(name);
      if (!average || (own.dtype !== "int64") !== floating) continue;
      averages.push(average.id);
      weights.push(TorchTensor.of(own).id);
    }
    if (averages.length === 0) return;
    ops["fovea::approach_"](averages, weights, share);
  }

  /** How much of the newest weights goes into the average. */
  #share(): number {
    const n = this.#updates;
    if (this.#rule.name === "mean") return 1 / (n + 1);
    const { decay, warmUp } = this.#rule;
    return 1 - (warmUp ? Math.min(decay, (1 + n) / (10 + n)) : decay);
  }

  #misfits(tensors: ReadonlyMap<string, TorchTensor>): string[] {
    const missing = [...this.#sources.keys()].filter((name) => !tensors.has(name)).map((name) => `${name} is missing`);
    const others = [...tensors].flatMap(([name, { shape }]) => {
      const own = this.#sources.get(name);
      if (!own) return [`${name} is unknown`];
      return sameShape(own.shape, shape)
        ? []
        : [`${name} (average ${formatShape(shape)}, network ${formatShape(own.shape)})`];
    });
    return [...missing, ...others];
  }
}
