import { distance } from "fastest-levenshtein";
import { ArgumentError } from "../errors.js";
import {
  bytesOf,
  elements,
  type OperatorName,
  type RecordedInput,
  type RecordedNode,
  type Shape,
} from "../tensor/index.js";

/** An operator of a traced network. */
export type GraphNode = RecordedNode & {
  /** Unique: the module's path and the operator, e.g. `features.0.0/conv2d`. */
  readonly name: string;
  /** Multiply-accumulates; convolutions and matrix products have them, everything else counts 0. */
  readonly multiplyAdds: number;
};

/** A module of a traced network, with everything below it. */
export interface GraphModule {
  /** Path from the traced module; "" for that itself. */
  readonly path: string;
  /** Its class, e.g. `Conv2d`. */
  readonly type: string;
  /** 0 for the traced module. */
  readonly depth: number;
  /** Of its last call; undefined for a module that was not called. */
  readonly inputShape: Shape | undefined;
  readonly outputShape: Shape | undefined;
  /** Of its own and all below. */
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly multiplyAdds: number;
  /** True when no module lies below. */
  readonly leaf: boolean;
}

/** A network as it was traced: what it computes, in order, without any arithmetic having been done. */
export class Graph {
  readonly nodes: readonly GraphNode[];
  readonly modules: readonly GraphModule[];
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  /** Where the network's result comes from. */
  readonly output: RecordedInput;
  readonly #outputs: ReadonlyMap<string, RecordedInput>;

  /** @param parts.outputs where the result of every module that was called comes from, by path */
  constructor(parts: {
    nodes: readonly GraphNode[];
    modules: readonly GraphModule[];
    inputShape: Shape;
    outputShape: Shape;
    output: RecordedInput;
    outputs: ReadonlyMap<string, RecordedInput>;
  }) {
    this.nodes = parts.nodes;
    this.modules = parts.modules;
    this.inputShape = parts.inputShape;
    this.outputShape = parts.outputShape;
    this.output = parts.output;
    this.#outputs = parts.outputs;
  }

  /**
   * Where a named result comes from: of a module by its path (`layer4.1`; of its last call, "" for the network), or of one
   * operator by its node's name (`layer4.1/add`).
   *
   * @throws ArgumentError that lists near names, when there is neither
   */
  find(name: string): RecordedInput {
    const node = this.nodes.find((candidate) => candidate.name === name);
    const found: RecordedInput | undefined = node ? { kind: "node", node } : this.#outputs.get(name);
    if (found) return found;
    const near = [...this.#outputs.keys(), ...this.nodes.map((candidate) => candidate.name)]
      .map((known) => ({ known, far: distance(name, known) }))
      .sort((a, b) => a.far - b.far)
      .slice(0, 4)
      .map(({ known }) => known);
    throw new ArgumentError(
      `the network has no module or operator named "${name}"`,
      `Near it are ${near.join(", ")}; \`fovea summary\` and graph.nodes list all.`,
    );
  }

  get #root(): GraphModule | undefined {
    return this.modules[0];
  }

  /** The number of elements of all parameters. */
  get parameters(): number {
    return this.#root?.parameters ?? 0;
  }

  get trainableParameters(): number {
    return this.#root?.trainableParameters ?? 0;
  }

  /** Multiply-accumulates of one forward pass at the traced input shape, as torchvision publishes them. */
  get multiplyAdds(): number {
    return this.#root?.multiplyAdds ?? 0;
  }

  /** Bytes of the parameters in float32. */
  get parameterBytes(): number {
    return this.parameters * bytesOf.float32;
  }

  /** Bytes of every operator's result in float32: what a forward pass with gradients keeps, about. */
  get activationBytes(): number {
    return this.nodes.reduce((sum, node) => sum + elements(node.shape), 0) * bytesOf.float32;
  }

  /** How often each operator occurs. */
  get operators(): ReadonlyMap<OperatorName, number> {
    const counts = new Map<OperatorName, number>();
    for (const { operator } of this.nodes) counts.set(operator, (counts.get(operator) ?? 0) + 1);
    return counts;
  }
}
