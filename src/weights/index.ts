/** Weights in files. */
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
  writeSafetensors,
} from "./safetensors.js";
export { loadWeights, saveWeights } from "./weights.js";
