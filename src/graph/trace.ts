import { FoveaError } from "../errors.js";
import type { AnyModule, Module } from "../nn/index.js";
import {
  elements,
  formatShape,
  type RecordedInput,
  type RecordedNode,
  Recording,
  type Shape,
  SymbolicTensor,
  type Tensor,
} from "../tensor/index.js";
import { Graph, type GraphModule, type GraphNode } from "./graph.js";

/**
 * Runs a module on a symbolic tensor and writes down what it would compute: shapes, parameters, multiply-adds. Nothing is
 * calculated and no memory is taken, so it needs neither weights nor libtorch.
 *
 * @param inputShape `[N, C, H, W]`
 * @param options.training trace what training computes (dropout, batch statistics), or with "asIs" what every module's
 *   present mode makes of it; default false
 * @throws ShapeError that names the operator and the module where shapes do not fit
 */
export function trace(module: Module, inputShape: Shape, options: { training?: boolean | "asIs" } = {}): Graph {
  const { training = false } = options;
  const recording = new Recording();
  const calls = new Map<AnyModule, Call>();
  const restore = instrument(module, recording, calls);
  const modes = [...module.modules()].map(([, part]) => [part, part.training] as const);
  try {
    if (training !== "asIs") module.train(training);
    const output = module.forward(recording.input("input", inputShape));
    if (!(output instanceof SymbolicTensor)) {
      throw new FoveaError("TRACE", "The module's result does not come from its symbolic input.");
    }
    const nodes = nameNodes(recording.nodes);
    return new Graph({
      nodes,
      modules: describeModules(module, nodes, calls),
      inputShape,
      outputShape: output.shape,
      output: output.source,
      outputs: outputsOf(module, calls),
    });
  } finally {
    restore();
    for (const [part, training] of modes) part.training = training;
  }
}

/** What is kept of a module's last call. */
interface Call {
  input: Shape;
  output: Tensor;
}

function outputsOf(module: Module, calls: ReadonlyMap<AnyModule, Call>): Map<string, RecordedInput> {
  const outputs = new Map<string, RecordedInput>();
  for (const [path, part] of module.modules()) {
    const output = calls.get(part)?.output;
    if (output instanceof SymbolicTensor) outputs.set(path, output.source);
  }
  return outputs;
}

/** Makes every module say when it runs, until the returned function is called. */
function instrument(module: Module, recording: Recording, calls: Map<AnyModule, Call>): () => void {
  const undo: (() => void)[] = [];
  const seen = new Set<AnyModule>();
  for (const [path, part] of module.modules()) {
    if (seen.has(part)) continue;
    seen.add(part);
    const own = Object.getOwnPropertyDescriptor(part, "forward");
    const forward = part.forward;
    part.forward = (...inputs: Tensor[]) => {
      const before = recording.module;
      recording.module = path;
      try {
        const output = forward.apply(part, inputs);
        calls.set(part, { input: inputs[0]?.shape ?? [], output });
        return output;
      } catch (error) {
        throw located(error, path, part, inputs);
      } finally {
        recording.module = before;
      }
    };
    undo.push(() => {
      if (own) Object.defineProperty(part, "forward", own);
      else Reflect.deleteProperty(part, "forward");
    });
  }
  return () => {
    for (const step of undo) step();
  };
}

const locatedErrors = new WeakSet<object>();

/** The error, its message completed by the innermost module that it happened in. */
function located(error: unknown, path: string, part: AnyModule, inputs: readonly Tensor[]): unknown {
  if (!(error instanceof FoveaError) || locatedErrors.has(error)) return error;
  const where = `in ${path || "the network"} (${part.constructor.name}) with input ${inputs.map((x) => formatShape(x.shape)).join(", ")}`;
  error.message = `${error.message}\n  ${where}`;
  locatedErrors.add(error);
  return error;
}

function nameNodes(nodes: readonly RecordedNode[]): GraphNode[] {
  const used = new Map<string, number>();
  return nodes.map((node) => {
    const base = node.module ? `${node.module}/${node.operator}` : node.operator;
    const count = used.get(base) ?? 0;
    used.set(base, count + 1);
    // Inputs of later nodes refer to this very object, so it is completed and not copied.
    return Object.assign(node, { name: count === 0 ? base : `${base}_${count}`, multiplyAdds: multiplyAdds(node) });
  });
}

function multiplyAdds(node: RecordedNode): number {
  switch (node.operator) {
    case "conv2d":
    case "linear":
      // Every output is a sum over one output unit's weights.
      return elements(node.shape) * elements(shapeOf(node.inputs[1]).slice(1));
    case "matmul":
      return elements(node.shape) * (shapeOf(node.inputs[0]).at(-1) ?? 0);
    default:
      return 0;
  }
}

function shapeOf(input: RecordedInput | undefined): Shape {
  switch (input?.kind) {
    case "node":
      return input.node.shape;
    case "input":
      return input.shape;
    case "leaf":
      return input.leaf.shape;
    default:
      return [];
  }
}

function describeModules(
  module: Module,
  nodes: readonly GraphNode[],
  calls: ReadonlyMap<AnyModule, Call>,
): GraphModule[] {
  return [...module.modules()].map(([path, part]) => {
    const prefix = `${path}.`;
    const inside = (name: string) => path === "" || name === path || name.startsWith(prefix);
    const call = calls.get(part);
    return {
      path,
      type: part.constructor.name,
      depth: path === "" ? 0 : path.split(".").length,
      inputShape: call?.input,
      outputShape: call?.output.shape,
      parameters: part.parameterCount(),
      trainableParameters: part.parameterCount({ trainableOnly: true }),
      multiplyAdds: nodes.reduce((sum, node) => (inside(node.module) ? sum + node.multiplyAdds : sum), 0),
      leaf: [...part.children()].length === 0,
    };
  });
}
