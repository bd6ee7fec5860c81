import { describe, expect, test } from "vitest";
import { runChild } from "./child.js";

describe("whatever is passed, there are exceptions and no crashes, and the engine works afterwards", () => {
  test.each([
    ["addon", "every export of the addon, with values of every kind"],
    ["operators", "every operator in use, mostly with arguments of the right types and odd values"],
    ["api", "the public functions and the methods of tensors"],
  ])("%s: %s", (part) => {
    const { result } = runChild<{ thrown: number; returned: number }>("fuzz.mjs", { args: [part, 20240517, 400] });
    expect(result.thrown).toBeGreaterThan(500);
    // it is not all refused at the door
    expect(result.returned).toBeGreaterThan(500);
  });
});
