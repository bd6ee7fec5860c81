import { ArgumentError, FoveaError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { type Operand, type RecordedInput, type RecordedNode, Tensor } from "../tensor/index.js";
import type { Graph } from "./graph.js";
import { trace } from "./trace.js";

/**
 * Computes inner results of a network by name, for Grad-CAM, fine-tuning and backbones: `layer4` is what that module hands
 * on, `layer4.1/add` the result of one operator in it. After torchvision's `create_feature_extractor`.
 *
 * The network is traced for each new input shape, in the modes that its modules are in, and only the operators that the
 * wanted results need are run. Parameters are the network's own, so gradients reach them.
 *
 * @example
 * const backbone = new FeatureExtractor(createModel("resnet18").materialize(torch.device()), ["layer2", "layer4"]);
 * const { layer2, layer4 } = backbone.forward(images);
 */
export class FeatureExtractor<Name extends string> {
  readonly module: Module;
  readonly names: readonly Name[];
  readonly #graphs = new Map<string, Graph>();

  /** @throws ArgumentError when no result is asked for, or one twice */
  constructor(module: Module, names: readonly Name[]) {
    if (names.length === 0) throw new ArgumentError("FeatureExtractor: no results are named");
    if (new Set(names).size !== names.length) {
      throw new ArgumentError(`FeatureExtractor: a name appears twice in ${names.join(", ")}`);
    }
    this.module = module;
    this.names = names;
  }

  /**
   * The named results for a batch `[N, C, H, W]`.
   *
   * @throws ArgumentError when the network has no result of a name
   */
  forward(x: Tensor): Record<Name, Tensor> {
    const graph = this.#graphFor(x);
    const sources = this.names.map((name) => [name, graph.find(name)] as const);
    const run = new Interpreter(x);
    const needed = ancestors(sources.map(([, source]) => source));
    for (const node of graph.nodes) if (needed.has(node)) run.node(node);
    const results = sources.map(([name, source]) => [name, run.tensor(source)] as const);
    return Object.fromEntries(results) as Record<Name, Tensor>;
  }

  #graphFor(x: Tensor): Graph {
    const modes = [...this.module.modules()].map(([, { training }]) => (training ? "t" : "e")).join("");
    const key = `${x.shape.join("x")} ${modes}`;
    const known = this.#graphs.get(key);
    if (known) return known;
    const graph = trace(this.module, x.shape, { training: "asIs" });
    this.#graphs.set(key, graph);
    return graph;
  }
}

/** The nodes that the sources depend on, with themselves. */
function ancestors(sources: readonly RecordedInput[]): Set<RecordedNode> {
  const found = new Set<RecordedNode>();
  const open = [...sources];
  for (let source = open.pop(); source; source = open.pop()) {
    if (source.kind !== "node" || found.has(source.node)) continue;
    found.add(source.node);
    open.push(...source.node.inputs);
  }
  return found;
}

/** Runs recorded operators on tensors. */
class Interpreter {
  readonly #input: Tensor;
  readonly #results = new Map<RecordedNode, Tensor>();

  constructor(input: Tensor) {
    this.#input = input;
  }

  node(node: RecordedNode): void {
    const inputs = node.inputs.map((input) => this.#operand(input));
    this.#results.set(node, Tensor.run(node.operator, inputs, node.attributes));
  }

  tensor(source: RecordedInput): Tensor {
    const operand = this.#operand(source);
    if (operand instanceof Tensor) return operand;
    throw new FoveaError("TRACE", "A named result is a parameter, not something computed.");
  }

  #operand(source: RecordedInput): Operand | null {
    switch (source.kind) {
      case "input":
        return this.#input;
      case "leaf":
        return source.leaf;
      case "none":
        return null;
      case "node": {
        const result = this.#results.get(source.node);
        if (result) return result;
        throw new FoveaError("TRACE", `The operator ${source.node.operator} is used before it has run.`);
      }
      default:
        return source satisfies never;
    }
  }
}
