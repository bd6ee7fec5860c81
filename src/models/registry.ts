import { distance } from "fastest-levenshtein";
import { FoveaError } from "../errors.js";
import type { Module } from "../nn/index.js";

/** What every network lets one choose. */
export interface ModelOptions {
  /** Outputs of the head; the default is the data set's that the network is known for. */
  classes?: number;
  /** Default 3. */
  inChannels?: number;
  /** Probability of the head's dropout; default the network's own. */
  dropout?: number;
}

/** A network by name: how to build it, and what is known of it. */
export interface ModelEntry {
  readonly name: string;
  /** The family's name, for lists. */
  readonly family: string;
  /** One line on what it is. */
  readonly description: string;
  /** Paper or project. */
  readonly reference: string;
  /** Height and width that it is made for. */
  readonly inputSize: number;
  /** The default number of classes. */
  readonly classes: number;
  /** Parameters with the default options, as published where they were. */
  readonly parameters: number;
  build(options: ModelOptions): Module;
}

const registry = new Map<string, ModelEntry>();

/** Adds a network. @throws FoveaError when the name is taken */
export function registerModel(entry: ModelEntry): void {
  if (registry.has(entry.name))
    throw new FoveaError("MODEL_EXISTS", `There is already a network named "${entry.name}".`);
  registry.set(entry.name, entry);
}

/** The networks whose names match a pattern with `*`, in alphabetical order; all where none is given. */
export function listModels(pattern = "*"): ModelEntry[] {
  const expression = new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
  return [...registry.values()].filter(({ name }) => expression.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The entry of a name. @throws FoveaError that lists the near matches */
export function findModel(name: string): ModelEntry {
  const entry = registry.get(name);
  if (entry) return entry;
  const near = [...registry.keys()]
    .map((known) => ({ known, far: distance(name.toLowerCase(), known) }))
    .filter(({ known, far }) => far <= Math.max(2, known.length / 3) || known.includes(name.toLowerCase()))
    .sort((a, b) => a.far - b.far)
    .slice(0, 4)
    .map(({ known }) => known);
  throw new FoveaError("UNKNOWN_MODEL", `There is no network named "${name}".`, {
    hint: near.length > 0 ? `Did you mean ${near.join(", ")}?` : "`fovea models` lists all.",
  });
}

/**
 * A new network by name, without memory until it is materialised.
 *
 * @throws FoveaError when there is none of that name
 */
export function createModel(name: string, options: ModelOptions = {}): Module {
  return findModel(name).build(options);
}
