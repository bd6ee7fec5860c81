import { ArgumentError } from "../errors.js";

/** @throws ArgumentError unless the value is a number from 0 up */
export function requireNotNegative(what: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) throw new ArgumentError(`${what} ${value} is not a number from 0 up`);
}

/** @throws ArgumentError unless the value is a number above 0 */
export function requirePositive(what: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) throw new ArgumentError(`${what} ${value} is not a number above 0`);
}

/** @throws ArgumentError unless the value lies in [0, 1) */
export function requireDecay(what: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new ArgumentError(`${what} ${value} does not lie in [0, 1)`);
}

/** @throws ArgumentError unless both lie in [0, 1) */
export function requireBetas(betas: readonly [number, number]): void {
  if (betas.every((beta) => beta >= 0 && beta < 1)) return;
  throw new ArgumentError(`the betas ${betas.join(", ")} do not lie in [0, 1)`);
}
