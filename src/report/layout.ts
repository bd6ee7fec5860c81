/** Part of a number line, and the ticks on it. */
export interface Range {
  low: number;
  high: number;
  /** From `low` to `high`. */
  ticks: number[];
}

/**
 * Round bounds around the values with ticks at 1, 2 or 5 times a power of ten; never an empty range.
 *
 * @param limits what the bounds never go beyond
 */
export function niceRange(values: readonly number[], [least, most]: readonly [number, number]): Range {
  let [low, high] = values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
  // Some hundredths of the size where there is no range: of one where that is next to nothing too.
  const pad = 0.05 * (Math.abs(low) < 1e-100 ? 1 : Math.abs(low));
  if (high - low < 1e-6 * pad) [low, high] = [Math.max(least, low - pad), Math.min(most, high + pad)];
  const step = roundUp((high - low) / 8);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  const kept = ticks.filter((tick) => tick >= least && tick <= most);
  return { low: kept[0] ?? low, high: kept.at(-1) ?? high, ticks: kept };
}

/** At most about a dozen whole numbers from `first` to `last`, at round steps, the ends among them where there is room. */
export function wholeTicks(first: number, last: number): number[] {
  const step = Math.max(1, roundUp((last - first) / 12));
  const round: number[] = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) round.push(tick);
  const inner = round.filter((tick) => tick - first >= 0.6 * step && last - tick >= 0.6 * step);
  return [...new Set([first, ...inner, last])];
}

/** Ticks of an axis of factors: 1, 2, 5, 10, 20 …; only 1, 10, 100 … where those would be many. */
export function factorTicks(low: number, high: number): number[] {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, i) => Math.floor(Math.log10(low)) + i,
  );
  const within = (factors: readonly number[]) =>
    powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
      .filter((tick) => tick >= low && tick <= high);
  const fine = within([1, 2, 5]);
  if (fine.length > 10) return within([1]);
  return fine.length >= 3 ? fine : within([1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/** The next of 1, 2, 5, 10, 20 …, 0.5, 0.2 … that is no smaller. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= value * 0.999) ?? 10;
  return factor * power;
}

/**
 * Moves positions apart until neighbours are `distance` apart, keeping their order, staying near, and inside `least` to
 * `most` as far as there is room.
 */
export function spread(
  positions: readonly number[],
  distance: number,
  [least, most]: readonly [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
): number[] {
  const order = positions.map((position, index) => ({ position, index })).sort((a, b) => a.position - b.position);
  // Groups of touching labels, each centred on the mean of where its labels would like to be.
  const groups: { wishes: number[]; start: number }[] = [];
  for (const { position } of order) {
    let group = placed([position]);
    let before = groups.at(-1);
    while (before && before.start + before.wishes.length * distance > group.start) {
      groups.pop();
      group = placed([...before.wishes, ...group.wishes]);
      before = groups.at(-1);
    }
    groups.push(group);
  }
  const places = groups.flatMap(({ wishes, start }) => wishes.map((_, i) => start + i * distance));
  const result = new Array<number>(positions.length).fill(0);
  order.forEach(({ index }, i) => {
    result[index] = places[i] ?? 0;
  });
  return result;

  function placed(wishes: number[]): { wishes: number[]; start: number } {
    const length = (wishes.length - 1) * distance;
    const centre = wishes.reduce((a, b) => a + b, 0) / wishes.length;
    return { wishes, start: Math.max(least, Math.min(centre - length / 2, most - length)) };
  }
}
