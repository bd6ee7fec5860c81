import { FoveaError, ShapeError } from "../errors.js";
import { Random } from "../random.js";
import {
  type Device,
  type DType,
  elements,
  formatShape,
  type Leaf,
  type Shape,
  type StoredTensor,
  sameShape,
} from "../tensor/index.js";
import type { Initializer } from "./init.js";

/** What weights can be kept as. */
export type FloatType = "float32" | "float64" | "float16" | "bfloat16";

/**
 * A tensor that a module owns. It knows shape, type and initialiser from the start, and holds memory only once it was
 * materialised or loaded, so that building a network costs nothing.
 */
abstract class Owned implements Leaf {
  readonly shape: Shape;
  readonly #dtype: DType;
  protected stored: StoredTensor | undefined;

  constructor(shape: Shape, dtype: DType) {
    this.shape = shape;
    this.#dtype = dtype;
  }

  /** The type of the memory; before there is any, the type that it will have. */
  get dtype(): DType {
    return this.stored?.dtype ?? this.#dtype;
  }

  get materialized(): boolean {
    return this.stored !== undefined;
  }

  /** @throws FoveaError before it was materialised or loaded */
  get value(): StoredTensor {
    if (this.stored) return this.stored;
    throw new FoveaError(
      "NOT_MATERIALIZED",
      `A module of shape ${formatShape(this.shape)} parameters holds no memory yet.`,
      {
        hint: "Call module.materialize(device, seed) or load weights before running it on data.",
      },
    );
  }

  get elements(): number {
    return elements(this.shape);
  }

  /** Takes the values of a tensor of the same shape: copied into the memory that is there, or a copy of its own. */
  load(source: StoredTensor): void {
    if (!sameShape(source.shape, this.shape)) {
      throw new ShapeError(`a tensor of shape ${formatShape(source.shape)} does not fit ${formatShape(this.shape)}`);
    }
    // The source may be another network's parameter: autograd must not tie the two together.
    const tracked = source.requiresGrad;
    source.requiresGrad = false;
    try {
      if (this.stored) {
        this.stored.requiresGrad = false;
        this.stored.copy_(source);
      } else {
        this.stored = source.clone().keep();
      }
    } finally {
      source.requiresGrad = tracked;
    }
  }

  /** Converts the memory in place: to a floating-point type, which whole numbers do not take part in, or a device. */
  to(target: { dtype?: FloatType; device?: string }): void {
    const before = this.stored;
    if (!before) return;
    const { device, dtype } = target;
    const tracked = before.requiresGrad;
    before.requiresGrad = false;
    const after = before.to({ device, dtype: this.#dtype === "float32" ? dtype : undefined }).keep();
    before.dispose();
    after.requiresGrad = tracked;
    this.stored = after;
  }

  /** Frees the memory. */
  release(): void {
    this.stored?.dispose();
    this.stored = undefined;
  }
}

/** A tensor that training changes. */
export class Parameter extends Owned {
  readonly initializer: Initializer;
  #trainable = true;

  constructor(shape: Shape, initializer: Initializer) {
    super(shape, "float32");
    this.initializer = initializer;
  }

  /** False freezes it: no gradient is computed and optimisers leave it alone. Default true. */
  get trainable(): boolean {
    return this.#trainable;
  }

  set trainable(on: boolean) {
    this.#trainable = on;
    if (this.stored) this.stored.requiresGrad = on;
  }

  /** Gives it memory and first values, unless it has some. They depend on seed and name alone. */
  materialize(device: Device, seed: number, name: string): void {
    if (this.stored) return;
    this.stored = device.tensor(this.initializer(this.shape, new Random(seed, "parameter", name)), this.shape).keep();
    this.stored.requiresGrad = this.#trainable;
  }

  override load(source: StoredTensor): void {
    super.load(source);
    if (this.stored) this.stored.requiresGrad = this.#trainable;
  }
}

/** A tensor that belongs to the state but is not trained, such as running statistics. */
export class Buffer extends Owned {
  readonly #first: number;

  /** @param first the value of every element at the start */
  constructor(shape: Shape, first: number, dtype: "float32" | "int64" = "float32") {
    super(shape, dtype);
    this.#first = first;
  }

  materialize(device: Device): void {
    if (this.stored) return;
    const data =
      this.dtype === "int64"
        ? new BigInt64Array(this.elements).fill(BigInt(this.#first))
        : new Float32Array(this.elements).fill(this.#first);
    this.stored = device.tensor(data, this.shape).keep();
  }
  /** Back to the values of the start, in the memory that is there. */
  reset(): void {
    this.stored?.fill_(this.#first);
  }
}
