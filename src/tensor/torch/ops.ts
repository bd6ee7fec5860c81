import { type NativeOperator, native } from "./native.js";
import type { Operators } from "./operators.generated.js";

/**
 * libtorch's operators by name, typed by their schemas: `ops["add.Tensor"](a, b)`. They take and give tensor ids; results
 * become tensors by `TorchTensor.adopt`. Each is looked up in the dispatcher when it is first used.
 *
 * Only operators listed in `operators.json` have types. {@link operator} reaches the rest.
 */
export const ops: Operators = Object.create(
  // Asked only for what the object itself has not yet: a proxy on the way of every call would cost a twentieth of it.
  new Proxy(Object.create(null), {
    get(_, name: string | symbol) {
      if (typeof name === "symbol") return undefined;
      const found = operator(name);
      Object.defineProperty(ops, name, { value: found });
      return found;
    },
  }),
);

/**
 * Any of libtorch's operators (3,000 and more), by name and overload: `operator("aten::add.Tensor")`.
 *
 * @throws EngineError when this libtorch has none of that name
 */
export function operator(name: string): NativeOperator {
  const qualified = name.includes("::") ? name : `aten::${name}`;
  const dot = qualified.indexOf(".");
  return dot < 0 ? native().operator(qualified) : native().operator(qualified.slice(0, dot), qualified.slice(dot + 1));
}
