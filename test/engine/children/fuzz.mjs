// Calls every export of the addon, and the public API, with everything that JavaScript can come up with. Exceptions are
// right; a crash, a hang or a broken engine afterwards is not.
//   node test/engine/children/fuzz.mjs addon|operators|api [seed] [runs]
import { readFileSync } from "node:fs";
import fc from "fast-check";
import * as torch from "../../../dist/tensor/torch/index.js";
import { native } from "../../../dist/tensor/torch/native.js";

const [part = "addon", seed = "1", runs = "300"] = process.argv.slice(2);
const addon = native();
const names = JSON.parse(readFileSync(new URL("../../../src/tensor/torch/operators.json", import.meta.url), "utf8"));

/** Tensors that calls may use, change and dispose of: made anew for every run. */
function makeTensors() {
  const gone = torch.ones([2]);
  gone.dispose();
  const leaf = torch.ones([2, 3]);
  leaf.requiresGrad = true;
  const used = torch.ones([2]);
  used.requiresGrad = true;
  const loss = used.mul(used).sum();
  loss.backward();
  return [
    gone,
    leaf,
    leaf.mul(2),
    loss,
    torch.ones([]),
    torch.zeros([0]),
    torch.ones([2, 0, 3]),
    torch.ones([1, 4, 6, 6]),
    torch.ones([4, 1, 3, 3]),
    torch.tensor(BigInt64Array.of(0n, 1n)),
    torch.tensor(BigInt64Array.of(-1n, 99n)),
    torch.tensor(Uint8Array.of(0, 1), [2], { dtype: "bool" }),
    torch.tensor(Uint16Array.of(0x7e00, 1), [2], { dtype: "float16" }),
    torch.inferenceMode(() => torch.ones([3])),
    torch.ones([64, 64]),
    torch.tensor([Number.NaN, Number.POSITIVE_INFINITY], [2], { dtype: "float64" }),
    torch.generatorState(),
  ];
}
let tensors = makeTensors();

const moved = new Float32Array(4);
structuredClone(moved.buffer, { transfer: [moved.buffer] });
const shrunk = new Float32Array(new ArrayBuffer(16, { maxByteLength: 32 }));
shrunk.buffer.resize(4);
const throwing = new Proxy([1, 2], {
  get() {
    throw new Error("from a proxy");
  },
});
/** An array whose elements do things while they are read. */
const acting = () => {
  const array = [1, 2, 3];
  Object.defineProperty(array, 0, {
    get() {
      tensors[1].dispose();
      torch.ones([2]).add(1);
      array.length = 1;
      return 2;
    },
  });
  return array;
};
const failing = () =>
  Object.defineProperty([1, 2], 1, {
    get() {
      throw new RangeError("from a getter");
    },
  });
const detaching = () => {
  const data = new Float32Array(4);
  const shape = [2, 2];
  Object.defineProperty(shape, 1, {
    get() {
      structuredClone(data.buffer, { transfer: [data.buffer] });
      return 2;
    },
  });
  return [data, shape, "float32"];
};

const tensorIndex = fc.nat(tensors.length - 1);
const id = tensorIndex.map((i) => () => tensors[i].id);
const object = tensorIndex.map((i) => () => tensors[i]);
const number = fc.constantFrom(
  ...[0, -0, 1, 2, 3, -1, -2, 7, 0.5, 1e-5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[2 ** 40, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e15, 1e300, Number.MAX_VALUE, Number.MIN_VALUE],
);
const big = fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, 2n ** 70n, -(2n ** 100n));
const text = fc.oneof(
  fc.constantFrom(
    ...["", "cpu", "cuda", "cuda:0", "cuda:-1", "meta", "float32", "int64", "bool", "complex64", "strided", "sparse"],
    ...[
      "contiguous",
      "channelsLast",
      "preserve",
      "mean",
      "tanh",
      "none",
      "aten::relu",
      "aten::add.Tensor",
      "\0",
      "\ud800",
    ],
  ),
  fc.string({ unit: "binary", maxLength: 50 }),
);
const strange = fc.constantFrom(
  ...[undefined, null, true, false, Symbol("s"), Symbol.iterator, () => 1, {}, [], new Date(0), /x/, new Map()],
  ...[new Float32Array(2), new Float32Array(0), new Float64Array(6), new BigInt64Array(2), new Uint8Array(2)],
  ...[
    new Uint8ClampedArray(2),
    new Uint16Array(2),
    new Int8Array(1),
    new DataView(new ArrayBuffer(8)),
    new ArrayBuffer(8),
  ],
  ...[moved, shrunk, throwing, new Float32Array(new SharedArrayBuffer(8)), Object.create(null), new Proxy({}, {})],
  // the longest array there is, with nothing in it; too long for JavaScript's own methods
  ...[
    new Array(part === "api" ? 1e5 : 2 ** 32 - 1),
    Object.assign([], { length: 3, 1: 1 }),
    new Array(100_000).fill(1),
  ],
);
const single = fc.oneof(
  { weight: 4, arbitrary: id },
  { weight: 4, arbitrary: number.map((v) => () => v) },
  { weight: 1, arbitrary: big.map((v) => () => v) },
  { weight: 2, arbitrary: text.map((v) => () => v) },
  { weight: 2, arbitrary: strange.map((v) => () => v) },
  { weight: 1, arbitrary: fc.constantFrom(acting, failing) },
  { weight: 1, arbitrary: object },
);
const value = fc.oneof(
  { weight: 5, arbitrary: single },
  {
    weight: 3,
    arbitrary: fc.array(single, { maxLength: 5 }).map((items) => () => items.map((item) => item())),
  },
  { weight: 1, arbitrary: fc.anything({ withBigInt: true, withTypedArray: true }).map((v) => () => v) },
);
const args = fc.array(value, { maxLength: 8 });

const whole = number.filter(Number.isInteger);
const byType = {
  Tensor: id,
  int: whole.map((v) => () => v),
  SymInt: whole.map((v) => () => v),
  float: number.map((v) => () => v),
  bool: fc.boolean().map((v) => () => v),
  Scalar: fc.oneof(number, fc.boolean(), big).map((v) => () => v),
  str: text.map((v) => () => v),
  ScalarType: fc.constantFrom("float32", "int64", "bool", "float16", "uint8", "float64").map((v) => () => v),
  MemoryFormat: fc.constantFrom("contiguous", "channelsLast", "preserve").map((v) => () => v),
  Device: fc.constant(() => "cpu"),
  Layout: fc.constant(() => "strided"),
};

/** Arguments of the types that a schema names, with anything else now and then. */
function argumentsOf(schema) {
  const types = [...schema.slice(schema.indexOf("(") + 1, schema.lastIndexOf(" -> ")).matchAll(TYPE)];
  const right = types.map(([, type, list, optional]) => {
    const item = byType[type] ?? value;
    const items = fc.array(item, { maxLength: 4 }).map((all) => () => all.map((one) => one()));
    const typed = list ? items : item;
    const weighted = [
      { weight: 30, arbitrary: typed },
      { weight: 1, arbitrary: value },
    ];
    return fc.oneof(...weighted, { weight: optional ? 15 : 1, arbitrary: fc.constant(() => null) });
  });
  return fc.tuple(...right);
}
const TYPE = /(\w+)(?:\([^)]*\))?(\[\d*\])?(\?)? \w+(?:=[^,)]+)?(?:, |\)|$)/g;

let thrown = 0;
let returned = 0;
function attempt(call) {
  try {
    const result = call();
    returned++;
    // what comes back can be looked at
    if (result instanceof torch.TorchTensor && result.alive) [result.shape, result.dtype, String(result)];
    if (result instanceof Promise) result.catch(() => {});
  } catch {
    thrown++;
  }
}

/** The engine works as before, whatever was done to it. */
function checkEngine() {
  while (addon.memory().scopes > 0) addon.exitScope([]);
  for (;;) {
    try {
      addon.exitInferenceMode();
    } catch {
      break;
    }
  }
  addon.setGradEnabled(true);
  addon.setDeterministic(false);
  addon.setThreads(1);
  const x = torch.tensor([1, 2, 3]);
  x.requiresGrad = true;
  x.mul(x).sum().backward();
  const gradient = String(x.grad.data());
  if (gradient !== "2,4,6") throw new Error(`the engine is broken: ${gradient}`);
}

const { setErrorFactory, setWarningSink, ...exported } = addon;
const parts = {
  // every export but the two that would replace what errors become
  addon: () => fc.tuple(fc.constantFrom(...Object.values(exported)), args),
  operators: () => {
    const schemas = new Map(addon.schemas().map((schema) => [schema.slice(0, schema.indexOf("(")), schema]));
    return fc
      .constantFrom(...names)
      .chain((name) => fc.tuple(fc.constant(torch.operator(name)), argumentsOf(schemas.get(name))));
  },
  api: () => {
    const { prototype } = torch.TorchTensor;
    const base = Object.getPrototypeOf(prototype);
    const methods = [prototype, base].flatMap((of) =>
      Object.entries(Object.getOwnPropertyDescriptors(of))
        .filter(([name]) => name !== "constructor")
        .map(([, { value: method, get }]) => method ?? get)
        .filter((method) => typeof method === "function")
        .map(
          (method) =>
            (on, ...rest) =>
              method.apply(on instanceof torch.TorchTensor ? on : tensors[7], rest),
        ),
    );
    const functions = Object.values(torch).filter(
      (member) => typeof member === "function" && member !== torch.EngineError,
    );
    return fc.tuple(fc.constantFrom(...methods, ...functions.filter((member) => member !== torch.TorchTensor)), args);
  },
};

process.on("warning", () => {});
fc.assert(
  fc.property(fc.array(parts[part](), { minLength: 5, maxLength: 15 }), (calls) => {
    tensors = makeTensors();
    for (const [call, given] of calls) attempt(() => call(...given.map((make) => make())));
    attempt(() => addon.fromArray(...detaching()));
    attempt(() => addon.shareArray(...detaching()));
    checkEngine();
  }),
  { seed: Number(seed), numRuns: Number(runs), endOnFailure: true },
);
for (const wrong of [undefined, 1, {}, "f"]) {
  attempt(() => setErrorFactory(wrong));
  attempt(() => setWarningSink(wrong));
}
// a factory that throws, and one that is no help
for (const factory of [
  () => {
    throw new Error("from the factory");
  },
  () => undefined,
]) {
  setErrorFactory(factory);
  attempt(() => addon.shape("x"));
}
console.log(JSON.stringify({ thrown, returned }));
