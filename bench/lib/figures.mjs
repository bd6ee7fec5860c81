export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, least and greatest. */
export function figures(values) {
  return { median: median(values), least: Math.min(...values), greatest: Math.max(...values) };
}

/** a / b, round by round: what slows both in a round cancels. */
export function ratio(a, b) {
  return figures(a.map((value, i) => value / b[i]));
}

/** Three digits, at least one behind the point where it is small. */
export function show(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** `1.25 (1.21 to 1.30)` */
export function showFigures({ median, least, greatest }) {
  return `${show(median)} (${show(least)} to ${show(greatest)})`;
}
