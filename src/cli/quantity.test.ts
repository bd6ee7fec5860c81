import { InvalidArgumentError } from "commander";
import { expect, it } from "vitest";
import { quantity } from "./quantity.js";

it.each([
  ["250", 250],
  ["10M", 10_000_000],
  ["10 m", 10_000_000],
  ["5.3M", 5_300_000],
  [".5k", 500],
  ["1.5G", 1_500_000_000],
  ["2B", 2_000_000_000],
  ["0", 0],
])("%s is %d", (text, value) => {
  expect(quantity(text)).toBe(value);
});

it.each(["", "M", "-1", "10Q", "1e6", "0x10", "10MM", "1,000", "Infinity"])("%j is no quantity", (text) => {
  expect(() => quantity(text)).toThrow(InvalidArgumentError);
});
