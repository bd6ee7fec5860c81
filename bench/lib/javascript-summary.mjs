/** What the samples of javascript-peers.mjs say. */
import { figures, ratio } from "./figures.mjs";

export const titles = {
  fovea: "Fovea",
  tfjs: "TensorFlow.js (CPU)",
  "tfjs-wasm": "TensorFlow.js (WebAssembly)",
  "jax-js": "jax-js (WebAssembly)",
};

/** Of every contender its time, and by how much Fovea is faster. */
export function summarisePeers(samples) {
  const times = (name) => samples.filter(({ contender }) => contender === name).map(({ milliseconds }) => milliseconds);
  return Object.keys(titles)
    .filter((name) => times(name).length > 0)
    .map((contender) => ({
      contender,
      milliseconds: figures(times(contender)),
      faster: ratio(times(contender), times("fovea")),
    }));
}
