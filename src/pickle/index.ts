/** Python's pickles as data, without running anything of Python's. */
export { ByteReader } from "./byte-reader.js";
export { bytesOf, findNumpyGlobal, textOf } from "./numpy.js";
export { op } from "./opcodes.js";
export { type PickleOptions, readPickle } from "./pickle.js";
export {
  count,
  isObject,
  kindOf,
  type PickleArray,
  type PickleDict,
  type PickleStorage,
  type PickleTensor,
  type PickleTuple,
  type PickleValue,
} from "./values.js";
