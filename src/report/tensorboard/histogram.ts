import { ArgumentError } from "../../errors.js";
import { type Histogram, unlessZero } from "./schema.js";

/**
 * How often values fall into buckets that grow by a tenth each, from 1e-12 to 1e20 on both sides of zero: TensorFlow's, and
 * those of `torch.utils.tensorboard`. Empty buckets at both ends are left out, but for one at the left whose limit is where
 * the first other begins. What lies beyond 1e20 counts into the outermost bucket.
 *
 * @throws ArgumentError without values, or where one is not finite
 */
export function histogramOf(values: ArrayLike<number>): Histogram {
  if (values.length === 0) throw new ArgumentError("a histogram needs values, and there are none");
  const edges = bucketEdges();
  const counts = new Float64Array(edges.length - 1);
  let [min, max, sum, sumSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) {
      throw new ArgumentError(
        `a histogram takes finite values, and value ${i} is ${value}`,
        "Leave it out for this step, or find out where the values stopped being finite.",
      );
    }
    const bucket = bucketOf(value, edges);
    counts[bucket] = (counts[bucket] as number) + 1;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumSquares += value * value;
  }
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return {
    min: unlessZero(min),
    max: unlessZero(max),
    num: values.length,
    sum: unlessZero(sum),
    sumSquares: unlessZero(sumSquares),
    bucketLimit: [...edges.subarray(first, last + 2)],
    bucket: [0, ...counts.subarray(first, last + 1)],
  };
}

let edgesOnce: Float64Array | undefined;

function bucketEdges(): Float64Array {
  if (edgesOnce) return edgesOnce;
  const right: number[] = [];
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) right.push(edge);
  edgesOnce = Float64Array.from([...right.map((edge) => -edge).reverse(), 0, ...right]);
  return edgesOnce;
}

/** The bucket whose left edge is the last that does not lie above the value. */
function bucketOf(value: number, edges: Float64Array): number {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
