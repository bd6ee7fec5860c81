/**
 * A channel count near `value` that `divisor` divides, never more than a tenth below it (MobileNet's rule; the guard is
 * what the papers' code and torchvision use).
 *
 * @param least the smallest result; default the divisor
 */
export function makeDivisible(value: number, divisor = 8, least = divisor): number {
  const rounded = Math.max(least, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
