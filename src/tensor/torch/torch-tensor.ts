import { ArgumentError } from "../../errors.js";
import { type ArrayOf, arrayOf, bytesOf, type DType, type TypedArray } from "../dtype.js";
import type { OperatorAttributes, OperatorName } from "../operators.js";
import { elements, formatShape, type Shape } from "../shape.js";
import { type BatchNormOptions, type NormActivation, type Operand, Tensor } from "../tensor.js";
import { batchNormAct, execute } from "./execute.js";
import { enterScope, exitScope, guardOf, inScope } from "./guard.js";
import { native, type TensorId } from "./native.js";
import type { MemoryFormat } from "./operators.generated.js";
import { ops } from "./ops.js";

/**
 * A tensor that libtorch computes with: the operators of {@link Tensor}, autograd, and its data.
 *
 * Its memory is freed by `dispose()` (or `using`), by the {@link scope} that it was made in, or by the garbage collector.
 */
export class TorchTensor extends Tensor {
  /** The addon's number for this tensor. For calls of {@link ops}. */
  readonly id: TensorId;
  #guard: object | undefined;
  #shape: Shape | undefined;
  #dtype: DType | undefined;

  private constructor(id: TensorId) {
    super();
    this.id = id < 0 ? -id : id;
    this.#guard = guardOf(id);
  }

  /** Takes over a result of {@link ops}, which belongs to this tensor from now on. */
  static adopt(id: TensorId): TorchTensor {
    return new TorchTensor(id);
  }

  /** The tensor behind an operand; an argument that is not computed by libtorch is refused. */
  static of(operand: Operand): TorchTensor {
    if (operand instanceof TorchTensor) return operand;
    if (operand instanceof Tensor) throw new ArgumentError("a symbolic tensor and a computed one do not mix");
    const value = operand?.value;
    if (value instanceof TorchTensor) return value;
    throw new ArgumentError("an operand is neither a tensor nor a parameter");
  }

  /** Takes it out of every scope: from now on it lives as long as something refers to it. */
  keep(): this {
    native().keep(this.id);
    this.hold();
    return this;
  }

  /** Ties the memory to this object, for the garbage collector to free. Scopes call it for what leaves them. */
  hold(): void {
    this.#guard ??= native().guard(this.id);
  }

  protected override apply<K extends OperatorName>(
    operator: K,
    inputs: readonly (Operand | null)[],
    attributes: OperatorAttributes[K],
  ): TorchTensor {
    return new TorchTensor(execute(operator, idsOf(inputs), attributes));
  }

  override batchNormAct(
    options: BatchNormOptions,
    activation: NormActivation,
    residual: Tensor | null = null,
  ): TorchTensor {
    const { weight, bias, runningMean, runningVar, batchesTracked, ...attributes } = options;
    const ids = idsOf([this, weight, bias, runningMean, runningVar, batchesTracked]);
    return new TorchTensor(
      batchNormAct(ids, attributes, activation, residual === null ? null : TorchTensor.of(residual).id),
    );
  }

  override through(parts: readonly ((x: Tensor) => Tensor)[]): Tensor {
    // Outside every scope tensors are the garbage collector's, who knows what is still in use.
    if (!inScope()) return super.through(parts);
    let result: Tensor = this;
    let between = false;
    for (const part of parts) {
      const { next, made } = runInScope(part, result);
      if (next === result) continue;
      // A part may have kept it.
      if (between && result instanceof TorchTensor) native().disposeInScope(result.id);
      result = next;
      between = made;
    }
    return result;
  }

  override get shape(): Shape {
    this.#shape ??= native().shape(this.id);
    return this.#shape;
  }

  override get dtype(): DType {
    this.#dtype ??= native().dtype(this.id);
    return this.#dtype;
  }

  /** `cpu`, `cuda:0`, … */
  get device(): string {
    return native().device(this.id);
  }

  get strides(): readonly number[] {
    return native().strides(this.id);
  }

  isContiguous(format: "contiguous" | "channelsLast" = "contiguous"): boolean {
    return native().isContiguous(this.id, format === "channelsLast");
  }

  /** False once the memory was freed: every use then throws. */
  get alive(): boolean {
    return native().isAlive(this.id);
  }

  /** Frees the memory now, unless another tensor or the autograd graph shares it. */
  dispose(): void {
    native().dispose(this.id);
    this.#guard = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A new typed array with the elements in row-major order. */
  data(): TypedArray {
    return this.dataAs(this.dtype);
  }

  /** The elements as numbers of one type, e.g. `x.dataAs("float32")`; converted where the tensor's differs. */
  dataAs<T extends DType>(dtype: T): ArrayOf[T] {
    const array = arrayOf(dtype, elements(this.shape));
    if (this.dtype === dtype) {
      native().copyInto(this.id, array);
    } else {
      const converted = this.to({ dtype });
      native().copyInto(converted.id, array);
      converted.dispose();
    }
    return array;
  }

  /** Copies the elements in row-major order into an array that exists. */
  copyTo(array: TypedArray): void {
    native().copyInto(this.id, array);
  }

  /** The only element. @throws EngineError when there are more */
  item(): number {
    return Number(native().item(this.id));
  }

  /** The same values in another type, on another device or in another memory format; shares memory where nothing changes. */
  to(options: { dtype?: DType; device?: string; memoryFormat?: MemoryFormat }): TorchTensor {
    const { dtype = this.dtype, device = this.device, memoryFormat = "preserve" } = options;
    return new TorchTensor(
      ops["to.dtype_layout"](this.id, dtype, undefined, device, undefined, undefined, undefined, memoryFormat),
    );
  }

  contiguous(format: "contiguous" | "channelsLast" = "contiguous"): TorchTensor {
    return new TorchTensor(ops.contiguous(this.id, format));
  }

  clone(): TorchTensor {
    return new TorchTensor(ops.clone(this.id));
  }

  /** The same memory, outside the autograd graph. */
  detach(): TorchTensor {
    return new TorchTensor(ops.detach(this.id));
  }

  /** The index of the greatest element along a dimension. */
  argmax(dim: number): TorchTensor {
    return new TorchTensor(ops.argmax(this.id, dim));
  }

  /** Where the elements are equal, as bool. */
  eq(other: TorchTensor): TorchTensor {
    return new TorchTensor(ops["eq.Tensor"](this.id, other.id));
  }

  /** Overwrites the elements with those of another tensor of the same shape. */
  copy_(source: Tensor): this {
    ops.copy_(this.id, TorchTensor.of(source).id);
    return this;
  }

  fill_(value: number): this {
    ops["fill_.Scalar"](this.id, value);
    return this;
  }

  add_(other: TorchTensor | number, alpha = 1): this {
    if (typeof other === "number") ops["add_.Scalar"](this.id, other, alpha);
    else ops["add_.Tensor"](this.id, other.id, alpha);
    return this;
  }

  get requiresGrad(): boolean {
    return native().requiresGrad(this.id);
  }

  /** Only leaves of floating types can require gradients. */
  set requiresGrad(on: boolean) {
    native().setRequiresGrad(this.id, on);
  }

  get isLeaf(): boolean {
    return native().isLeaf(this.id);
  }

  /** The gradient that {@link backward} accumulated, or null. */
  get grad(): TorchTensor | null {
    const id = native().grad(this.id);
    return id === null ? null : new TorchTensor(id);
  }

  set grad(gradient: TorchTensor | null) {
    native().setGrad(this.id, gradient?.id ?? null);
  }

  /** Adds the gradients of this scalar (or of its product with `gradient`) to the leaves that it was computed from. */
  backward(options: { gradient?: TorchTensor; retainGraph?: boolean; createGraph?: boolean } = {}): void {
    const { gradient, createGraph = false, retainGraph = createGraph } = options;
    native().backward([this.id], gradient ? [gradient.id] : [], retainGraph, createGraph);
  }

  override toString(): string {
    const count = elements(this.shape);
    const readable = bytesOf[this.dtype] === 2 ? "float32" : this.dtype;
    const values = count <= 16 ? ` [${Array.from<number | bigint>(this.dataAs(readable)).join(", ")}]` : "";
    return `Tensor ${this.dtype}${formatShape(this.shape)}${values}`;
  }
}

function idsOf(operands: readonly (Operand | null)[]): (TensorId | null)[] {
  // A loop, because this is the way of every operator and `map` takes a tenth of a small one's time.
  const ids = new Array<TensorId | null>(operands.length);
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i] ?? null;
    ids[i] = operand === null ? null : operand instanceof TorchTensor ? operand.id : TorchTensor.of(operand).id;
  }
  return ids;
}

/** What the part returns, and whether it was made in it. The rest of what was made in it is freed. */
function runInScope(part: (x: Tensor) => Tensor, x: Tensor): { next: Tensor; made: boolean } {
  enterScope();
  let next: Tensor;
  try {
    next = part(x);
  } catch (error) {
    exitScope([]);
    throw error;
  }
  return { next, made: exitScope(next instanceof TorchTensor ? [next.id] : []) > 0 };
}
