/** `0.912` as `91.2 %`; a dash for NaN. */
export function percent(share: number): string {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`;
}
