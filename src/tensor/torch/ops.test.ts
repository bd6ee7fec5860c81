import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EngineError, engineInfo, memory, ones, operator, ops, schemas, scope, TorchTensor, tensor } from "./index.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const values = (x: unknown) => {
  if (typeof x !== "number") throw new Error(`not a tensor: ${x}`);
  return Array.from(TorchTensor.adopt(x).dataAs("float64"));
};
const x = tensor([1, 2, 3, 4], [2, 2]);
const y = tensor([10, 20, 30, 40], [2, 2]);

describe("operators by schema", () => {
  test("any of libtorch's is found by its name, with or without the namespace", () => {
    expect(values(operator("aten::logaddexp")(x.id, x.id))).toEqual(
      [1, 2, 3, 4].map((v) => expect.closeTo(v + Math.LN2)),
    );
    expect(values(operator("hypot")(tensor([3]).id, tensor([4]).id))).toEqual([5]);
    expect(schemas().length).toBeGreaterThan(2000);
    expect(schemas()).toContain("aten::relu(Tensor self) -> Tensor");
  });

  test("what is left out takes its default; undefined does too", () => {
    const add = operator("aten::add.Tensor");
    expect(values(add(x.id, y.id))).toEqual([11, 22, 33, 44]);
    expect(values(add(x.id, y.id, undefined))).toEqual([11, 22, 33, 44]);
    expect(values(add(x.id, y.id, -2))).toEqual([-19, -38, -57, -76]);
  });

  test("optional arguments may be null", () => {
    const clamp = operator("aten::clamp");
    expect(values(clamp(x.id, null, 2))).toEqual([1, 2, 2, 2]);
    expect(values(clamp(x.id, 3))).toEqual([3, 3, 3, 4]);
    expect(values(operator("aten::argmax")(x.id))).toEqual([3]);
    expect(values(operator("aten::argmax")(x.id, 0, true))).toEqual([1, 1]);
  });

  test("lists of tensors, integers, optional tensors; one number for all of a sized list", () => {
    expect(values(operator("aten::stack")([x.id, y.id], 0))).toEqual([1, 2, 3, 4, 10, 20, 30, 40]);
    expect(values(operator("aten::permute")(x.id, [1n, 0]))).toEqual([1, 3, 2, 4]);
    const row = tensor(BigInt64Array.of(1n)).id;
    expect(values(operator("aten::index.Tensor")(x.id, [null, row]))).toEqual([2, 4]);
    const image = ones([1, 1, 4, 4]).id;
    expect(values(operator("aten::avg_pool2d")(image, 2))).toEqual([1, 1, 1, 1]);
    expect(values(operator("aten::avg_pool2d")(image, [4, 2]))).toEqual([1, 1]);
  });

  test("scalars: whole numbers keep integers integer, fractions and booleans are passed on", () => {
    const whole = tensor(Int32Array.of(1, 2));
    const add = operator("aten::add.Scalar");
    const typeOf = (value: number | boolean | bigint) => TorchTensor.adopt(Number(add(whole.id, value))).dtype;
    expect([typeOf(1), typeOf(2n), typeOf(true), typeOf(0.5)]).toEqual(["int32", "int32", "int32", "float32"]);
  });

  test("in-place and out= forms give nothing back: the caller has the tensor", () => {
    const z = x.clone();
    expect(operator("aten::mul_.Scalar")(z.id, 3)).toBeUndefined();
    expect(values(z.id)).toEqual([3, 6, 9, 12]);
    const out = x.clone();
    expect(operator("aten::add.out")(x.id, y.id, 1, out.id)).toBeUndefined();
    expect(values(out.id)).toEqual([11, 22, 33, 44]);
  });

  test("several results come as an array, lists as arrays, numbers and booleans as such", () => {
    const result = operator("aten::max.dim")(x.id, 1);
    if (!Array.isArray(result)) throw new Error("not an array");
    expect(result.map(values)).toEqual([
      [2, 4],
      [1, 1],
    ]);
    const halves = operator("aten::split.Tensor")(x.id, 1);
    if (!Array.isArray(halves)) throw new Error("not an array");
    expect(halves.map(values)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(operator("aten::equal")(x.id, y.id)).toBe(false);
    expect(operator("aten::size.int")(x.id, 0)).toBe(2);
    expect(operator("aten::is_floating_point")(x.id)).toBe(true);
  });

  test("an unknown name, overload or place among the arguments is told", () => {
    expect(() => operator("aten::does_not_exist")).toThrow(/no operator aten::does_not_exist/);
    expect(() => operator("aten::add.Nothing")).toThrow(/no operator aten::add.Nothing/);
    expect(() => operator("relu")(x.id, 1)).toThrow("aten::relu: takes at most 1 arguments, got 2");
    expect(() => operator("aten::add.Tensor")(x.id)).toThrow("aten::add.Tensor: argument 'other' is missing");
    expect(() => operator("aten::relu")("x")).toThrow(`aten::relu: argument 'self': expected a tensor, got "x"`);
    expect(() => operator("aten::softmax.int")(x.id, 0.5)).toThrow("argument 'dim': expected a whole number, got 0.5");
    expect(() => operator("aten::mean.dim")(x.id, [0, "a"] as unknown as number[])).toThrow(
      `argument 'dim': expected a whole number, got "a"`,
    );
    expect(() => operator("aten::rand.generator")([2], 5)).toThrow(/generators cannot be passed/);
    expect(() => operator("aten::record_stream")(x.id, 1)).toThrow(/cannot be given from JavaScript/);
    const lists = operator("aten::_foreach_mul_.List");
    expect(() => lists([x.id, y.id], [x.id])).toThrow("the lists have different lengths: 2 and 1");
    expect(() => operator("nothing")).toThrow(EngineError);
  });

  test("results of the table of operators are the same functions each time", () => {
    expect(ops.relu).toBe(ops.relu);
    expect(Reflect.get(ops, Symbol.toPrimitive)).toBeUndefined();
  });

  test("in a scope, ids that became no tensor are freed as well", () => {
    const before = memory().tensors;
    scope(() => {
      ops["add.Tensor"](x.id, y.id);
      ops._foreach_sqrt([x.id, y.id]);
    });
    expect(memory().tensors).toBe(before);
  });
});

interface Schema {
  name: string;
  parameters: { type: string; name: string; fallback?: string }[];
  results: { type: string; written: boolean }[];
}

/** `scripts/generate-operators.mjs`, which is JavaScript. */
async function generator(): Promise<{
  generate: (schemas: string[], names: string[]) => string;
  parseSchema: (text: string) => Schema;
}> {
  return import(join(root, "scripts/generate-operators.mjs"));
}

describe("the generated signatures", () => {
  const file = join(root, "src/tensor/torch/operators.generated.ts");
  const names: string[] = JSON.parse(readFileSync(join(root, "src/tensor/torch/operators.json"), "utf8"));
  const text = readFileSync(file, "utf8");

  test.runIf(engineInfo().version.startsWith("1.13."))("are those that the script makes", async () => {
    const { generate } = await generator();
    const formatted = execFileSync(join(root, "node_modules/.bin/biome"), ["format", `--stdin-file-path=${file}`], {
      input: generate(schemas(), names),
      encoding: "utf8",
      cwd: root,
    });
    expect(formatted).toBe(text);
  });

  test("fit the schemas of the libtorch in use: what they pass means the same there", async () => {
    const { parseSchema } = await generator();
    const here = new Map(schemas().map((schema) => [schema.slice(0, schema.indexOf("(")), schema]));
    const declared = [...text.matchAll(/\/\*\* `(.+)` \*\//g)].map(([, schema = ""]) => parseSchema(schema));
    expect(declared.map(({ name }) => name)).toEqual(names);
    const plain = (type: string) => type.replace("SymInt", "int");
    for (const schema of declared) {
      const found = parseSchema(here.get(schema.name) ?? "missing() -> ()");
      const leading = found.parameters.slice(0, schema.parameters.length);
      expect([found.name, ...leading.map(({ name, type }) => `${plain(type)} ${name}`)]).toEqual([
        schema.name,
        ...schema.parameters.map(({ name, type }) => `${plain(type)} ${name}`),
      ]);
      for (const { type, fallback } of found.parameters.slice(schema.parameters.length)) {
        expect(fallback !== undefined || type.endsWith("?"), schema.name).toBe(true);
      }
      expect(found.results).toEqual(schema.results);
    }
  });
});
