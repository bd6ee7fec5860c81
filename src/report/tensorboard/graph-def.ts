import type { Graph, GraphNode } from "../../graph/index.js";
import type { Leaf, OperatorName, RecordedInput, RecordedNode, Shape } from "../../tensor/index.js";
import { type AttributeValue, type GraphDef, type NodeDef, type TensorShape, unlessZero } from "./schema.js";

/** How the operands that modules own are called, from the second input on; others are called `parameter`. */
const operandNames: Partial<Record<OperatorName, readonly string[]>> = {
  conv2d: ["weight", "bias"],
  linear: ["weight", "bias"],
  batchNorm: ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
  groupNorm: ["weight", "bias"],
  layerNorm: ["weight", "bias"],
};
const bufferNames: ReadonlySet<string> = new Set(["running_mean", "running_var", "num_batches_tracked"]);

/** What TensorBoard's graph page groups nodes by where it shows devices. */
const device = "/device:CPU:0";

/**
 * A network as TensorBoard's graph page reads it: a node for the input, for every operator, for every parameter and buffer,
 * and for the output. Slashes in a node's name are the boxes that it lies in: the network's class, then the path of its
 * module (`ResNet/layer1/0/conv1/conv2d`).
 */
export function graphDef(graph: Graph): GraphDef {
  return new Builder(graph).build();
}

class Builder {
  readonly #graph: Graph;
  readonly #root: string;
  readonly #nodes: NodeDef[] = [];
  /** Names that are given, and those of boxes: the page takes a node of a box's name for the box. */
  readonly #taken = new Set<string>();
  readonly #types: ReadonlyMap<string, string>;
  readonly #operators = new Map<RecordedNode, string>();
  readonly #leaves = new Map<Leaf, string>();
  readonly #inputs = new Map<string, string>();

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#root = legal(graph.modules[0]?.type || "network");
    this.#types = new Map(graph.modules.map(({ path, type }) => [path, type]));
    for (const { module } of graph.nodes) {
      const parts = this.#scope(module).split("/");
      for (let i = 1; i <= parts.length; i++) this.#taken.add(parts.slice(0, i).join("/"));
    }
  }

  build(): GraphDef {
    for (const node of this.#graph.nodes) this.#addOperator(node);
    const { output, outputShape } = this.#graph;
    this.#add("output", "Output", this.#sources([output]), outputShape, {});
    // TensorFlow's version of the format since 2016; nothing that changed after it is used.
    return { node: this.#nodes, versions: { producer: 22 } };
  }

  #addOperator(node: GraphNode): void {
    const scope = this.#scope(node.module);
    const operands = operandNames[node.operator];
    const inputs = this.#sources(node.inputs, (i) => ({ scope, name: operands?.[i - 1] ?? "parameter" }));
    const attributes: Record<string, AttributeValue> = {};
    const own: [string, unknown][] = Object.entries(node.attributes);
    for (const [key, value] of own) {
      const attribute = attributeOf(value);
      if (attribute) attributes[snakeCase(key)] = attribute;
    }
    const type = this.#types.get(node.module);
    if (type !== undefined) attributes.module = { s: Buffer.from(type) };
    if (node.multiplyAdds > 0) attributes.multiply_adds = { i: node.multiplyAdds };
    const name = this.#add(`${scope}/${node.operator}`, node.operator, inputs, node.shape, attributes);
    this.#operators.set(node, name);
  }

  /** The nodes that inputs come from, added where they are leaves or inputs of the network that are new. */
  #sources(
    inputs: readonly RecordedInput[],
    place: (i: number) => { scope: string; name: string } = () => ({ scope: this.#root, name: "parameter" }),
  ): string[] {
    const sources: string[] = [];
    for (const [i, input] of inputs.entries()) {
      const source = this.#source(input, place(i));
      if (source !== undefined) sources.push(source);
    }
    return sources;
  }

  #source(input: RecordedInput, { scope, name }: { scope: string; name: string }): string | undefined {
    switch (input.kind) {
      case "node":
        return this.#operators.get(input.node);
      case "leaf": {
        const known = this.#leaves.get(input.leaf);
        if (known !== undefined) return known;
        const kind = bufferNames.has(name) ? "Buffer" : "Parameter";
        const added = this.#add(`${scope}/${name}`, kind, [], input.leaf.shape, {});
        this.#leaves.set(input.leaf, added);
        return added;
      }
      case "input": {
        const known = this.#inputs.get(input.name);
        if (known !== undefined) return known;
        const added = this.#add(legal(input.name), "Input", [], input.shape, {});
        this.#inputs.set(input.name, added);
        return added;
      }
      case "none":
        return undefined;
      default:
        return input satisfies never;
    }
  }

  #add(
    wanted: string,
    op: string,
    input: readonly string[],
    shape: Shape,
    attributes: Readonly<Record<string, AttributeValue>>,
  ): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    this.#nodes.push({
      name,
      op,
      input,
      device,
      attr: { _output_shapes: { list: { shape: [tensorShape(shape)] } }, ...attributes },
    });
    return name;
  }

  #scope(path: string): string {
    return [this.#root, ...(path === "" ? [] : path.split(".").map(legal))].join("/");
  }
}

/** @returns undefined for what is not there */
function attributeOf(value: unknown): AttributeValue | undefined {
  if (typeof value === "boolean") return { b: value };
  if (typeof value === "string") return { s: Buffer.from(value) };
  if (typeof value === "number") return Number.isSafeInteger(value) ? { i: value } : { f: value };
  if (!Array.isArray(value)) return undefined;
  const numbers = value.filter((item): item is number => typeof item === "number");
  return { list: numbers.every(Number.isSafeInteger) ? { i: numbers } : { f: numbers } };
}

function tensorShape(shape: Shape): TensorShape {
  return { dim: shape.map((size) => ({ size: unlessZero(size) })) };
}

/** A part of a name with only the characters that TensorFlow allows in it. */
function legal(part: string): string {
  return part.replace(/[^A-Za-z0-9_.-]/g, "_").replace(/^[^A-Za-z0-9.]/, ".$&");
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
