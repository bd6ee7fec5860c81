/**
 * A stream of random numbers that is a pure function of its key, the same on every machine and in the browser.
 *
 * Everything random about data and initial weights comes from such a stream, keyed by what it decides for:
 * `new Random(seed, "flip", epoch, sample)`. There is no global generator, so the order in which things are computed,
 * and by how many workers, changes nothing.
 *
 * The generator is sfc32 (Doty-Humphrey, PractRand: 128 bits of state, passes BigCrush); the key is hashed with cyrb128.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spare: number | undefined;

  /** @param key numbers and strings; different keys give independent streams, equal keys equal ones */
  constructor(...key: readonly (number | string)[]) {
    [this.#a, this.#b, this.#c, this.#d] = hash(key.join("\u0000"));
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** Uniform in [0, 2³²). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), 32 bits of it; or in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (this.uint32() / 0x1_0000_0000) * (high - low);
  }

  /** A whole number in [0, bound), without modulo bias. `bound` is at most 2³². */
  below(bound: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.uniform() < p;
  }

  /** Normal with the given mean and standard deviation (Box and Muller 1958). */
  normal(mean = 0, deviation = 1): number {
    if (this.#spare !== undefined) {
      const value = mean + deviation * this.#spare;
      this.#spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return mean + deviation * radius * Math.cos(angle);
  }

  /** Gamma with the given shape, above 0, and scale 1 (Marsaglia and Tsang 2000). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * Math.exp(Math.log(1 - this.uniform()) / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < x ** 2 / 2 + d * (1 - v + Math.log(v))) return d * v;
    }
  }

  /** Beta with both parameters above 0, in [0, 1]. */
  beta(a: number, b: number): number {
    if (a > 1 || b > 1) {
      const x = this.gamma(a);
      return x / (x + this.gamma(b));
    }
    // Jöhnk 1964, with logarithms: powers of 1 / a would be too small for a number where a is small.
    for (;;) {
      const logX = Math.log(1 - this.uniform()) / a;
      const logY = Math.log(1 - this.uniform()) / b;
      const greater = Math.max(logX, logY);
      const logSum = greater + Math.log(Math.exp(logX - greater) + Math.exp(logY - greater));
      if (logSum <= 0) return Math.exp(logX - logSum);
    }
  }

  /** The numbers 0 … n-1 in random order (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swapped = order[i] as number;
      order[i] = order[j] as number;
      order[j] = swapped;
    }
    return order;
  }
}

/** cyrb128 (bryc, public domain): four 32-bit words out of a string. */
function hash(text: string): [number, number, number, number] {
  let h1 = 1779033703;
  let h2 = 3144134277;
  let h3 = 1013904242;
  let h4 = 2773480762;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2716044179);
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597399067);
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2869860233);
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951274213);
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2716044179);
  return [h1 ^ h2 ^ h3 ^ h4, h2 ^ h1, h3 ^ h1, h4 ^ h1];
}
