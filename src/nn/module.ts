import { FoveaError } from "../errors.js";
import { type Device, formatShape, type Shape, type StoredTensor, sameShape, type Tensor } from "../tensor/index.js";
import { Buffer, type FloatType, Parameter } from "./parameter.js";

/** A module with any number of inputs. */
export type AnyModule = Module<Tensor[]>;

/** Named tensors: what a checkpoint holds. */
export type StateDict = ReadonlyMap<string, StoredTensor>;

/** Weights that do not fit a network; the message lists every name. */
export class StateDictError extends FoveaError {
  /** Names that the network has and the weights have not. */
  readonly missing: readonly string[];
  /** Names that the weights have and the network has not. */
  readonly unexpected: readonly string[];
  /** Names with other shapes or types, as `name (weights [1], network [2])`. */
  readonly misshaped: readonly string[];

  constructor(missing: readonly string[], unexpected: readonly string[], misshaped: readonly string[]) {
    const list = (title: string, names: readonly string[]) =>
      names.length === 0 ? [] : [`  ${title}: ${names.join(", ")}`];
    const lines = [
      ...list("missing", missing),
      ...list("unexpected", unexpected),
      ...list("of another shape or type", misshaped),
    ];
    super("STATE_DICT", `The weights do not fit the network:\n${lines.join("\n")}`);
    this.missing = missing;
    this.unexpected = unexpected;
    this.misshaped = misshaped;
  }
}

/**
 * A part of a network, or a whole one: a class with a `forward`, and with parameters, buffers and other modules as
 * properties.
 *
 * Names come from the properties: `this.conv1.weight` is `conv1.weight`, an array's items are numbered, and camelCase
 * becomes the snake_case of PyTorch's checkpoints (`runningMean` is `running_mean`).
 *
 * `forward` uses the operators of {@link Tensor} and the `forward` of other modules, so it runs on a computed tensor and
 * on a symbolic one alike.
 */
export abstract class Module<Inputs extends Tensor[] = [Tensor]> {
  /** True in training: dropout drops, batch norm uses the batch's statistics. Default true, as in PyTorch. */
  training = true;

  abstract forward(...inputs: Inputs): Tensor;

  /**
   * The modules that `forward` does no more than run one after the other, so that what follows a module can be computed
   * together with it; null for a `forward` that does anything else, that a subclass has replaced, or that is watched.
   */
  steps(): readonly Module[] | null {
    return null;
  }

  /** The modules directly below, with their names. */
  *children(): Iterable<[string, AnyModule]> {
    yield* this.#properties((value) => value instanceof Module);
  }

  /** This module ("") and all below, depth first. */
  *modules(prefix = ""): Iterable<[string, AnyModule]> {
    yield [prefix, this as AnyModule];
    for (const [name, child] of this.children()) yield* child.modules(join(prefix, name));
  }

  /** The parameters of this module and all below, in the order of their definition; a shared one comes once. */
  *parameters(): Iterable<[string, Parameter]> {
    yield* this.#owned((module) => module.#properties((value) => value instanceof Parameter));
  }

  /** The buffers of this module and all below. */
  *buffers(): Iterable<[string, Buffer]> {
    yield* this.#owned((module) => module.#properties((value) => value instanceof Buffer));
  }

  /** The number of elements of all parameters, or of the trainable ones only. Buffers do not count. */
  parameterCount(options: { trainableOnly?: boolean } = {}): number {
    let count = 0;
    for (const [, parameter] of this.parameters()) {
      if (parameter.trainable || !options.trainableOnly) count += parameter.elements;
    }
    return count;
  }

  /** Switches this module and all below to training, or with false to evaluation. */
  train(on = true): this {
    for (const [, module] of this.modules()) module.training = on;
    return this;
  }

  /** Switches to evaluation. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Gives memory and first values to every parameter and buffer that has none. The values depend on the seed and the
   * parameter's name alone, and so do not change with the device or with what else the network holds.
   */
  materialize(device: Device, seed = 0): this {
    for (const [name, parameter] of this.parameters()) parameter.materialize(device, seed, name);
    for (const [, buffer] of this.buffers()) buffer.materialize(device);
    return this;
  }

  /**
   * Converts the parameters and buffers that have memory, in place: to another floating-point type (whole-number buffers
   * stay what they are), or to another device. Optimisers made before hold on to the old ones.
   */
  to(target: { dtype?: FloatType; device?: string }): this {
    for (const owned of this.#state().values()) owned.to(target);
    return this;
  }

  /** The names and shapes of {@link stateDict}; they are there before there is memory. */
  stateShapes(): Map<string, Shape> {
    return new Map([...this.#state()].map(([name, { shape }]) => [name, shape]));
  }

  /** All parameters and buffers by name, in PyTorch's order. The tensors are the module's own. */
  stateDict(): Map<string, StoredTensor> {
    return new Map([...this.#state()].map(([name, owned]) => [name, owned.value]));
  }

  /**
   * Copies weights into the parameters and buffers of the same names.
   *
   * @param options.strict false: names that only one side has are passed over; shapes must fit all the same. Another type
   *   is converted where the network was materialised before
   * @throws StateDictError that lists every name that does not fit; nothing was changed then
   */
  loadStateDict(state: StateDict, options: { strict?: boolean } = {}): void {
    const { strict = true } = options;
    const own = this.#state();
    const missing = [...own.keys()].filter((name) => !state.has(name));
    const unexpected = [...state.keys()].filter((name) => !own.has(name));
    const misshaped = [...own].flatMap(([name, { shape, dtype, materialized }]) => {
      const found = state.get(name);
      if (!found) return [];
      if (!sameShape(found.shape, shape)) {
        return [`${name} (weights ${formatShape(found.shape)}, network ${formatShape(shape)})`];
      }
      // Copying into memory that is there converts; without it, the weights themselves become the parameter.
      if (!materialized && found.dtype !== dtype) return [`${name} (weights ${found.dtype}, network ${dtype})`];
      return [];
    });
    if (misshaped.length > 0 || (strict && missing.length + unexpected.length > 0)) {
      throw new StateDictError(strict ? missing : [], strict ? unexpected : [], misshaped);
    }
    for (const [name, owned] of own) {
      const source = state.get(name);
      if (source) owned.load(source);
    }
  }

  /** Frees the memory of all parameters and buffers. */
  release(): void {
    for (const owned of this.#state().values()) owned.release();
  }

  #state(): Map<string, Parameter | Buffer> {
    return new Map(
      this.#owned((module) => module.#properties((value) => value instanceof Parameter || value instanceof Buffer)),
    );
  }

  *#owned<T extends Parameter | Buffer>(own: (module: AnyModule) => Iterable<[string, T]>): Iterable<[string, T]> {
    const seen = new Set<T>();
    for (const [path, module] of this.modules()) {
      for (const [name, owned] of own(module)) {
        if (seen.has(owned)) continue;
        seen.add(owned);
        yield [join(path, name), owned];
      }
    }
  }

  *#properties<T>(wanted: (value: unknown) => value is T): Iterable<[string, T]> {
    for (const [key, value] of Object.entries(this)) {
      const name = key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
      if (wanted(value)) yield [name, value];
      else if (Array.isArray(value)) {
        for (const [i, item] of value.entries()) if (wanted(item)) yield [`${name}.${i}`, item];
      }
    }
  }
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}
