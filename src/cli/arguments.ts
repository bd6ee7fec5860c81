import { InvalidArgumentError } from "commander";

/** Parsers of option values; commander prints what they throw beside the option's name. */

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}

export function number(least: number, most = Number.MAX_VALUE): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(
        most === Number.MAX_VALUE
          ? `It must be a number from ${least}.`
          : `It must be a number from ${least} to ${most}.`,
      );
    }
    return value;
  };
}

/** A share that is neither none nor all. */
export function properFraction(text: string): number {
  const value = number(0, 1)(text);
  if (value === 0 || value === 1) throw new InvalidArgumentError("It must lie between 0 and 1.");
  return value;
}
