import { ArgumentError } from "../errors.js";
import type { Parameter } from "../nn/index.js";
import { sameShape } from "../tensor/index.js";
import { clearGrads, noGrad, ops, scope, TorchTensor } from "../tensor/torch/index.js";
import { requireNotNegative } from "./check.js";
import type { ParameterGroup } from "./parameter-group.js";

/** What {@link Optimizer.stateDict} gives: numbers and named tensors, to be saved and restored. */
export interface OptimizerState {
  /** Updates made so far of each parameter. */
  readonly steps: ReadonlyMap<string, number>;
  /** By slot and parameter, e.g. `momentum/features.0.0.weight`. The tensors are the optimiser's own. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
}

/** What every optimiser takes. */
export interface OptimizerOptions {
  /** The rate of all parameters, until it is set anew. */
  learningRate: number;
  /** Of the parameters whose groups say nothing else. */
  weightDecay: number;
  /**
   * Rates and decays of some parameters. All groups that have a parameter apply to it: their rates multiply, and of their
   * weight decays the last one counts. Default none.
   */
  groups?: readonly ParameterGroup[];
}

/** Parameters that share learning rate and weight decay, for {@link Optimizer.update}. */
export interface Update {
  readonly names: readonly string[];
  /** Ids of the tensors to be changed. */
  readonly values: readonly number[];
  /** Ids of their gradients. */
  readonly gradients: readonly number[];
  /** How many updates each has had, this one included. */
  readonly steps: readonly number[];
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** Parameters with the same settings. */
interface Part {
  rate: number;
  weightDecay: number;
  parameters: Map<string, Parameter>;
}

/**
 * Changes parameters along their gradients. Those with the same settings are updated together, in place, by one operator on
 * lists of tensors.
 *
 * The learning rate may be set before every step; groups have theirs in proportion to it. Frozen parameters, and those that
 * a backward pass did not reach, are left alone.
 */
export abstract class Optimizer {
  learningRate: number;
  readonly weightDecay: number;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #parts: readonly Part[];
  readonly #slots = new Map<string, TorchTensor>();
  readonly #steps = new Map<string, number>();

  /** @param parameters names and parameters, as `module.parameters()` gives them */
  constructor(parameters: Iterable<[string, Parameter]>, options: OptimizerOptions) {
    const { learningRate, weightDecay, groups = [] } = options;
    requireNotNegative("the learning rate", learningRate);
    requireNotNegative("the weight decay", weightDecay);
    for (const group of groups) {
      requireNotNegative("a group's learning rate as a multiple", group.rate ?? 1);
      requireNotNegative("a group's weight decay", group.weightDecay ?? 0);
    }
    this.#parameters = new Map(parameters);
    if (this.#parameters.size === 0) throw new ArgumentError("there are no parameters to optimise");
    this.learningRate = learningRate;
    this.weightDecay = weightDecay;
    this.#parts = partsOf(this.#parameters, weightDecay, groups);
  }

  /** Changes every parameter that has a gradient. */
  step(): void {
    noGrad(() => {
      for (const part of this.#parts) scope(() => this.#step(part));
    });
  }

  #step({ parameters, rate, weightDecay }: Part): void {
    const names: string[] = [];
    const values: number[] = [];
    const gradients: number[] = [];
    const steps: number[] = [];
    for (const [name, parameter] of parameters) {
      if (!parameter.trainable) continue;
      const value = TorchTensor.of(parameter);
      const gradient = value.grad;
      if (!gradient) continue;
      const count = (this.#steps.get(name) ?? 0) + 1;
      this.#steps.set(name, count);
      names.push(name);
      values.push(value.id);
      gradients.push(gradient.id);
      steps.push(count);
    }
    if (names.length === 0) return;
    this.update({ names, values, gradients, steps, learningRate: this.learningRate * rate, weightDecay });
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    clearGrads([...this.#parameters.values()].map((parameter) => TorchTensor.of(parameter)));
  }

  /** The state by which an optimiser made anew goes on where this one is. */
  stateDict(): OptimizerState {
    return { steps: this.#steps, tensors: this.#slots };
  }

  /** @throws ArgumentError when the state holds tensors for parameters that this optimiser has not */
  loadStateDict(state: OptimizerState): void {
    const named = [...state.tensors.keys()].map((name) => name.slice(name.indexOf("/") + 1));
    for (const parameter of [...state.steps.keys(), ...named]) {
      if (!this.#parameters.has(parameter))
        throw new ArgumentError(`the optimiser's state names the unknown ${parameter}`);
    }
    for (const tensor of this.#slots.values()) tensor.dispose();
    this.#slots.clear();
    noGrad(() => {
      for (const [name, tensor] of state.tensors) this.#slots.set(name, this.#copyFor(name, tensor));
    });
    this.#steps.clear();
    for (const [name, count] of state.steps) this.#steps.set(name, count);
  }

  /** A copy that lies in memory as the parameter does, which updates are fast for: files hold tensors contiguous. */
  #copyFor(slot: string, tensor: TorchTensor): TorchTensor {
    const parameter = this.#parameters.get(slot.slice(slot.indexOf("/") + 1));
    const fits =
      parameter?.materialized && parameter.dtype === tensor.dtype && sameShape(parameter.shape, tensor.shape);
    if (!fits) return tensor.clone().keep();
    return TorchTensor.adopt(ops.empty_like(TorchTensor.of(parameter).id))
      .copy_(tensor)
      .keep();
  }

  /** Changes the values in place. Tensors that it makes are freed afterwards. */
  protected abstract update(update: Update): void;

  /** Ids of the tensors that updates keep from step to step; those that there are not yet begin with `first` everywhere. */
  protected slots(slot: string, { names, values }: Update, first: 0 | 1 = 0): number[] {
    return names.map((name, i) => {
      const key = `${slot}/${name}`;
      let tensor = this.#slots.get(key);
      if (!tensor) {
        const like = values[i] as number;
        tensor = TorchTensor.adopt(first === 0 ? ops.zeros_like(like) : ops.ones_like(like)).keep();
        this.#slots.set(key, tensor);
      }
      return tensor.id;
    });
  }
}

function partsOf(
  parameters: ReadonlyMap<string, Parameter>,
  weightDecay: number,
  groups: readonly ParameterGroup[],
): Part[] {
  const parts = new Map<string, Part>();
  for (const [name, parameter] of parameters) {
    const own = groups.filter((group) => group.has(name, parameter));
    const rate = own.reduce((product, group) => product * (group.rate ?? 1), 1);
    const decay = own.reduce((last, group) => group.weightDecay ?? last, weightDecay);
    const key = `${rate} ${decay}`;
    const part = parts.get(key) ?? { rate, weightDecay: decay, parameters: new Map() };
    part.parameters.set(name, parameter);
    parts.set(key, part);
  }
  return [...parts.values()];
}
