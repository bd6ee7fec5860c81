import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { number, properFraction, wholeNumber } from "./arguments.js";

describe("wholeNumber", () => {
  it.each([
    ["0", 0],
    ["12", 12],
    ["007", 7],
    ["9007199254740991", 2 ** 53 - 1],
  ])("takes %s", (text, value) => expect(wholeNumber(0)(text)).toBe(value));

  it.each(["", " ", "-1", "1.5", "1e3", "0x10", "ten", "3 epochs", "+3", "NaN", "Infinity", "9007199254740992"])(
    "refuses %j",
    (text) => {
      expect(() => wholeNumber(0)(text)).toThrow(InvalidArgumentError);
      expect(() => wholeNumber(0)(text)).toThrow("It must be a whole number from 0.");
    },
  );

  it("refuses what is below the least", () => {
    expect(wholeNumber(3)("3")).toBe(3);
    expect(() => wholeNumber(3)("2")).toThrow("It must be a whole number from 3.");
    expect(wholeNumber(-2)("-2")).toBe(-2);
  });
});

describe("number", () => {
  it.each([
    ["0", 0],
    ["3e-3", 0.003],
    [".5", 0.5],
    ["1", 1],
  ])("takes %s", (text, value) => expect(number(0, 1)(text)).toBe(value));

  it.each(["", "  ", "-0.1", "1.1", "a lot", "NaN", "Infinity", "0,5"])("refuses %j", (text) => {
    expect(() => number(0, 1)(text)).toThrow("It must be a number from 0 to 1.");
  });

  it("has no upper end unless told, but infinity", () => {
    expect(number(0)("1e300")).toBe(1e300);
    expect(() => number(0)("Infinity")).toThrow("It must be a number from 0.");
  });
});

it("properFraction takes what lies between none and all", () => {
  expect(properFraction("0.2")).toBe(0.2);
  for (const text of ["0", "1"]) expect(() => properFraction(text)).toThrow("It must lie between 0 and 1.");
  for (const text of ["-1", "x"]) expect(() => properFraction(text)).toThrow(InvalidArgumentError);
});
