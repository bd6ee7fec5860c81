import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  decodeMessage,
  entries,
  type Message,
  message,
  messages,
  number,
  rawBytes,
  readEventRecords,
  smallIntegers,
  text,
  texts,
} from "../../../test/support/event-file.js";
import { trace } from "../../graph/index.js";
import { createModel } from "../../models/index.js";
import { Conv2d, init, Module, Parameter, ReLU, Sequential } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { EventWriter } from "./event-writer.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-graph-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The nodes that a file holds of a network, by name. */
function nodesOf(module: Module, shape: readonly number[]): Map<string, Message> {
  const writer = new EventWriter(folder);
  writer.graph(trace(module, shape));
  writer.close();
  const [, event] = readEventRecords(readFileSync(writer.path)).map(decodeMessage);
  const definition = decodeMessage(rawBytes(event ?? new Map(), 4));
  expect(number(message(definition, 4), 1)).toBe(22);
  const nodes = messages(definition, 1);
  const byName = new Map(nodes.map((node) => [text(node, 1), node]));
  expect(byName.size).toBe(nodes.length);
  return byName;
}

function shapeOf(node: Message | undefined): number[] {
  const shapes = entries(node ?? new Map(), 5).get("_output_shapes");
  return messages(message(message(shapes ?? new Map(), 1), 7), 2).map((dim) => number(dim, 1));
}

/** One operator twice and one parameter twice, a module called as an operator, and a name that TensorFlow does not know. */
class Odd extends Module {
  readonly relu = new ReLU();
  readonly größe = new Sequential(new Conv2d(3, 4, 3, { padding: 1 }));
  readonly scale = new Parameter([4, 1, 1], init.constant(1));

  override forward(x: Tensor): Tensor {
    const y = this.größe.forward(x).mul(this.scale).relu();
    return this.relu.forward(y).mul(this.scale).relu();
  }
}

describe("a network as TensorBoard's graph", () => {
  const nodes = nodesOf(new Odd(), [2, 3, 8, 8]);

  it("names nodes by their modules, none like a box", () => {
    expect([...nodes].map(([name, node]) => [name, text(node, 2), texts(node, 3)])).toEqual([
      ["input", "Input", []],
      ["Odd/gr__e/0/weight", "Parameter", []],
      ["Odd/gr__e/0/bias", "Parameter", []],
      ["Odd/gr__e/0/conv2d", "conv2d", ["input", "Odd/gr__e/0/weight", "Odd/gr__e/0/bias"]],
      ["Odd/parameter", "Parameter", []],
      ["Odd/mul", "mul", ["Odd/gr__e/0/conv2d", "Odd/parameter"]],
      ["Odd/relu_1", "relu", ["Odd/mul"]],
      ["Odd/relu/relu", "relu", ["Odd/relu_1"]],
      ["Odd/mul_1", "mul", ["Odd/relu/relu", "Odd/parameter"]],
      ["Odd/relu_2", "relu", ["Odd/mul_1"]],
      ["output", "Output", ["Odd/relu_2"]],
    ]);
  });

  it("gives shapes, device and attributes", () => {
    expect(shapeOf(nodes.get("input"))).toEqual([2, 3, 8, 8]);
    expect(shapeOf(nodes.get("Odd/gr__e/0/weight"))).toEqual([4, 3, 3, 3]);
    expect(shapeOf(nodes.get("output"))).toEqual([2, 4, 8, 8]);
    for (const node of nodes.values()) expect(text(node, 4)).toBe("/device:CPU:0");
    const attributes = entries(nodes.get("Odd/gr__e/0/conv2d") ?? new Map(), 5);
    expect([...attributes.keys()].sort()).toEqual(
      ["_output_shapes", "dilation", "groups", "module", "multiply_adds", "padding", "stride"].sort(),
    );
    const attribute = (name: string) => attributes.get(name) ?? new Map();
    expect(number(attribute("groups"), 3)).toBe(1);
    expect(smallIntegers(message(attribute("padding"), 1), 3)).toEqual([1, 1]);
    expect(text(attribute("module"), 2)).toBe("Conv2d");
    expect(number(attribute("multiply_adds"), 3)).toBe(2 * 4 * 8 * 8 * 27);
  });

  it("is whole for a network of the registry: every input is a node, every box has a module's path", () => {
    const model = createModel("resnet18");
    const resnet = nodesOf(model, [1, 3, 224, 224]);
    for (const node of resnet.values()) for (const input of texts(node, 3)) expect(resnet.has(input)).toBe(true);
    const paths = new Set([...model.modules()].map(([path]) => path));
    const boxes = new Set<string>();
    for (const name of resnet.keys()) {
      const parts = name.split("/");
      for (let i = 1; i < parts.length; i++) boxes.add(parts.slice(0, i).join("/"));
    }
    for (const box of boxes) {
      expect(paths.has(box.split("/").slice(1).join("."))).toBe(true);
      expect(resnet.has(box)).toBe(false);
    }
    // Names of weights are those of the state dict.
    const owned = [...resnet].filter(([, node]) => ["Parameter", "Buffer"].includes(text(node, 2)));
    const used = [...model.stateShapes().keys()].filter((name) => !name.endsWith("num_batches_tracked"));
    const written = owned.map(([name]) => name.split("/").slice(1).join("."));
    expect(written.filter((name) => !name.endsWith("num_batches_tracked")).sort()).toEqual(used.sort());
  });
});
