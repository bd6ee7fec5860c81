import { ArgumentError } from "../../errors.js";
import type { DType } from "../dtype.js";
import type { OperatorAttributes, OperatorName } from "../operators.js";
import type { Shape } from "../shape.js";
import { type Leaf, type Operand, Tensor } from "../tensor.js";
import { inferShape } from "./infer.js";

/** Where an input of a recorded operator comes from. */
export type RecordedInput =
  | { readonly kind: "node"; readonly node: RecordedNode }
  | { readonly kind: "input"; readonly name: string; readonly shape: Shape }
  | { readonly kind: "leaf"; readonly leaf: Leaf }
  | { readonly kind: "none" };

/** One operator as it was recorded: its kind decides the attributes. */
export type RecordedNode = {
  readonly [K in OperatorName]: {
    readonly operator: K;
    readonly attributes: OperatorAttributes[K];
    readonly inputs: readonly RecordedInput[];
    readonly shape: Shape;
    /** The module that was running, as its path from the traced one; "" for that itself. */
    readonly module: string;
  };
}[OperatorName];

/** What was computed with symbolic tensors, in order. */
export class Recording {
  readonly nodes: RecordedNode[] = [];
  /** The path of the module that is running; tracing keeps it. */
  module = "";

  /** A symbolic tensor that stands for an input of the network. */
  input(name: string, shape: Shape, dtype: DType = "float32"): SymbolicTensor {
    return new SymbolicTensor(this, { kind: "input", name, shape }, shape, dtype);
  }
}

/** A tensor without elements: its operators note themselves in a {@link Recording} and infer their shapes. */
export class SymbolicTensor extends Tensor {
  readonly recording: Recording;
  readonly source: RecordedInput;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(recording: Recording, source: RecordedInput, shape: Shape, dtype: DType) {
    super();
    this.recording = recording;
    this.source = source;
    this.shape = shape;
    this.dtype = dtype;
  }

  protected override apply<K extends OperatorName>(
    operator: K,
    inputs: readonly (Operand | null)[],
    attributes: OperatorAttributes[K],
  ): Tensor {
    const shape = inferShape(
      operator,
      inputs.map((input) => input?.shape ?? null),
      attributes,
    );
    const node = {
      operator,
      attributes,
      inputs: inputs.map((input) => this.#sourceOf(input)),
      shape,
      module: this.recording.module,
    };
    // The compiler cannot see that one K ties operator and attributes together; the signature above does.
    this.recording.nodes.push(node as RecordedNode);
    return new SymbolicTensor(this.recording, { kind: "node", node: node as RecordedNode }, shape, this.dtype);
  }

  #sourceOf(input: Operand | null): RecordedInput {
    if (input === null) return { kind: "none" };
    if (input instanceof SymbolicTensor) {
      if (input.recording !== this.recording) throw new ArgumentError("symbolic tensors of two recordings do not mix");
      return input.source;
    }
    if (input instanceof Tensor) {
      throw new ArgumentError(
        "a symbolic tensor and a computed one do not mix",
        "Make the constant a buffer of the module.",
      );
    }
    return { kind: "leaf", leaf: input };
  }
}
