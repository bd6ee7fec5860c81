import { InvalidArgumentError } from "commander";

const factors = new Map([
  ["", 1],
  ["k", 1e3],
  ["m", 1e6],
  ["g", 1e9],
  ["b", 1e9],
  ["t", 1e12],
]);

/** An option's value such as `10M` or `1.5G`; commander prints what it throws beside the option's name. */
export function quantity(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?|\.\d+) ?([kmgbt]?)$/i.exec(text) ?? [];
  const factor = factors.get(unit.toLowerCase());
  if (digits === "" || factor === undefined) {
    throw new InvalidArgumentError("It must be a number, with k, M or G behind it for thousands, millions, billions.");
  }
  // 5.3M is 5,300,000 and not a hair more.
  return Number((Number(digits) * factor).toPrecision(15));
}
