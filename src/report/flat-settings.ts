import type { HyperParameters } from "./tensorboard/hyper-parameters.js";

/** What a recipe says about itself. */
const notes = ["version", "description", "source", "expected"];

/**
 * A recipe, or other settings, as loggers compare runs by them: one value for a name, with dots where settings lie in
 * others (`optimizer.lr`). Lists are JSON, except that of the classes, of which only the number counts. What a recipe
 * says about itself, and what is not set, is left out.
 */
export function flatSettings(settings: Readonly<Record<string, unknown>>): HyperParameters {
  const flat: Record<string, string | number | boolean> = {};
  const add = (name: string, value: unknown) => {
    if (name === "classes" && Array.isArray(value)) flat[name] = value.length;
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") flat[name] = value;
    else if (Array.isArray(value)) flat[name] = JSON.stringify(value);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(`${name}.${key}`, inner);
    }
  };
  for (const [name, value] of Object.entries(settings)) if (!notes.includes(name)) add(name, value);
  return flat;
}
