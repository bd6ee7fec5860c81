import { ArgumentError } from "../errors.js";
import type { Parameter } from "../nn/index.js";
import { clearGrads, noGrad, scope, TorchTensor } from "../tensor/torch/index.js";

/** What {@link Optimizer.stateDict} gives: numbers and named tensors, to be saved and restored. */
export interface OptimizerState {
  /** Updates made so far of each parameter. */
  readonly steps: ReadonlyMap<string, number>;
  /** By slot and parameter, e.g. `momentum/features.0.0.weight`. The tensors are the optimiser's own. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
}

/**
 * Changes parameters along their gradients. All parameters are updated by a few operators on lists of tensors, in place.
 *
 * The learning rate may be set before every step. Frozen parameters, and those that a backward pass did not reach, are
 * left alone.
 */
export abstract class Optimizer {
  learningRate: number;
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #slots = new Map<string, TorchTensor>();
  readonly #steps = new Map<string, number>();

  /** @param parameters names and parameters, as `module.parameters()` gives them */
  constructor(parameters: Iterable<[string, Parameter]>, learningRate: number) {
    if (!(learningRate >= 0 && Number.isFinite(learningRate))) {
      throw new ArgumentError(`the learning rate ${learningRate} is not a number from 0 up`);
    }
    this.#parameters = new Map(parameters);
    if (this.#parameters.size === 0) throw new ArgumentError("there are no parameters to optimise");
    this.learningRate = learningRate;
  }

  /** Changes every parameter that has a gradient. */
  step(): void {
    noGrad(() =>
      scope(() => {
        const names: string[] = [];
        const values: TorchTensor[] = [];
        const gradients: TorchTensor[] = [];
        for (const [name, parameter] of this.#parameters) {
          if (!parameter.trainable) continue;
          const value = TorchTensor.of(parameter);
          const gradient = value.grad;
          if (!gradient) continue;
          names.push(name);
          values.push(value);
          gradients.push(gradient);
        }
        for (const name of names) this.#steps.set(name, (this.#steps.get(name) ?? 0) + 1);
        const steps = names.map((name) => this.#steps.get(name) ?? 0);
        if (values.length > 0) this.update(names, ids(values), ids(gradients), steps);
      }),
    );
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
    for (const [name, tensor] of state.tensors) this.#slots.set(name, tensor.clone().keep());
    this.#steps.clear();
    for (const [name, count] of state.steps) this.#steps.set(name, count);
  }

  /**
   * Changes the values in place.
   *
   * @param values ids of the tensors, `gradients` of theirs
   * @param steps how many updates each has had, this one included
   */
  protected abstract update(
    names: readonly string[],
    values: readonly number[],
    gradients: readonly number[],
    steps: readonly number[],
  ): void;

  /** Ids of the tensors that an update keeps from step to step, made by `first` when there is none yet. */
  protected slots(slot: string, names: readonly string[], first: (index: number) => TorchTensor): number[] {
    return names.map((name, i) => {
      const key = `${slot}/${name}`;
      let tensor = this.#slots.get(key);
      if (!tensor) {
        tensor = first(i).keep();
        this.#slots.set(key, tensor);
      }
      return tensor.id;
    });
  }
}

function ids(tensors: readonly TorchTensor[]): number[] {
  return tensors.map((tensor) => tensor.id);
}
