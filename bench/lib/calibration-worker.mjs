/** A thread that does a fixed piece of work whenever it is asked, and says how many milliseconds that took. */
import { parentPort } from "node:worker_threads";

const SIZE = 128;
const PRODUCTS = 6;
/** More than the caches of a core hold: what others do to the memory shows as well. */
const STREAM = 2 ** 21;

const a = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i));
const b = Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.cos(i));
const c = new Float32Array(SIZE * SIZE);
const stream = new Float64Array(STREAM).fill(1);

function multiply() {
  c.fill(0);
  for (let i = 0; i < SIZE; i++) {
    for (let k = 0; k < SIZE; k++) {
      const factor = a[i * SIZE + k];
      for (let j = 0; j < SIZE; j++) c[i * SIZE + j] += factor * b[k * SIZE + j];
    }
  }
}

function pass() {
  let sum = 0;
  for (let i = 0; i < STREAM; i += 8) sum += stream[i];
  return sum;
}

parentPort.on("message", () => {
  const start = performance.now();
  for (let i = 0; i < PRODUCTS; i++) multiply();
  pass();
  parentPort.postMessage(performance.now() - start);
});
