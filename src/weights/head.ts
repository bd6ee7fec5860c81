import { createModel } from "../models/index.js";

/**
 * The tensors of a network's head by name, with the dimension that the classes are: those whose shapes change with the
 * number of classes.
 *
 * @throws FoveaError when there is no network of that name
 */
export function headTensors(name: string): Map<string, number> {
  const [few, more] = [createModel(name, { classes: 2 }), createModel(name, { classes: 3 })];
  const other = more.stateShapes();
  const found = new Map<string, number>();
  for (const [key, shape] of few.stateShapes()) {
    const dim = shape.findIndex((size, i) => size !== other.get(key)?.[i]);
    if (dim >= 0) found.set(key, dim);
  }
  return found;
}
