import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import type { z } from "zod";
import { ArgumentError, FileError, FoveaError, messageOf } from "./errors.js";
import { checkAgainst, type Problem } from "./schema-problems.js";
import {
  parseYaml,
  plainOf,
  readYamlTree,
  type YamlEntry,
  type YamlList,
  type YamlMap,
  type YamlTree,
} from "./yaml-file.js";

/** Settings that lie on top of a file, and whose they are: an option of the command line, for instance. */
export interface Override {
  /** What messages call them, such as `--epochs`. */
  readonly label: string;
  /** What is undefined in it is left out. */
  readonly value: Readonly<Record<string, unknown>>;
}

export interface LayerOptions {
  /** The file of a name in `extends`, which is no path. @throws FoveaError for an unknown one */
  readonly find?: (name: string) => string;
  /** Settings one by one, as `optimizer.lr=0.05`; the value is YAML. */
  readonly sets?: readonly string[];
  readonly overrides?: readonly Override[];
}

/** Settings from several layers as one. */
export interface Layered {
  /** The file. */
  readonly path: string;
  readonly tree: YamlMap;
}

/**
 * Reads a YAML file that may lie on top of another one: `extends: base.yaml`, relative to the file, or the name of one that
 * `options.find` knows. On the files lie `options.overrides` and `options.sets`, which are put together first, the sets on
 * top, so that `optimizer.name=adamw` and `optimizer.lr=0.001` mean the same in either order.
 *
 * Maps are merged key by key; everything else is replaced. Null takes away what is below. A map whose `name` or `source` is
 * another than the one below replaces it whole. Sets reach the items of lists by number, from 0:
 * `optimizer.groups.0.rate=0.1`.
 *
 * @throws FileError when a file cannot be read, is no YAML, does not hold a map, or extends itself
 * @throws ArgumentError for a set that is none
 */
export function readLayers(path: string, options: LayerOptions = {}): Layered {
  const { find, sets = [], overrides = [] } = options;
  const file = readWithBase(path, find, []);
  const command = [...overrides.map(mapOf), ...sets.map(mapOfSet)].reduce(mergeMaps, implied(path, []));
  return { path, tree: withoutNulls(mergeMaps(file, command)) };
}

/**
 * What layers say, by a schema.
 *
 * @throws FileError that tells everything that is wrong, a line for each: where, which setting, what
 */
export function parseLayered<Schema extends z.ZodType>(schema: Schema, layered: Layered): z.output<Schema> {
  const checked = checkAgainst(schema, plainOf(layered.tree));
  if ("data" in checked) return checked.data;
  const lines = checked.problems.map((problem) => ({
    place: placeOf(layered, problem),
    text: problem.path.length === 0 ? problem.message : `${problem.path.join(".")}: ${problem.message}`,
  }));
  const [first, ...others] = lines;
  const message = [first?.text, ...others.map(({ place, text }) => `${place}: ${text}`)].join("\n");
  throw new FileError(layered.path, message, { place: first?.place });
}

/** @param above the files that led here, from the first */
function readWithBase(path: string, find: LayerOptions["find"], above: readonly string[]): YamlMap {
  const chain = [...above, path];
  if (above.some((one) => resolve(one) === resolve(path))) {
    throw new FileError(chain[0] ?? path, `extends itself: ${chain.join(" extends ")}`);
  }
  const tree = readYamlTree(path);
  if (tree.kind !== "map") throw new FileError(path, "must hold settings, each as name: value", { place: tree.place });
  const base = tree.entries.get("extends");
  if (!base) return tree;
  const entries = new Map(tree.entries);
  entries.delete("extends");
  return mergeMaps(readWithBase(basePath(path, base, find), find, chain), { ...tree, entries });
}

function basePath(path: string, { value }: YamlEntry, find: LayerOptions["find"]): string {
  const name = value.kind === "scalar" ? value.value : undefined;
  if (typeof name !== "string" || name === "") {
    throw new FileError(path, "extends: must be a file or a name", { place: value.place });
  }
  if (isYamlPath(name) || !find) return isAbsolute(name) ? name : join(dirname(path), name);
  try {
    return find(name);
  } catch (cause) {
    const hint = cause instanceof FoveaError ? cause.hint : undefined;
    throw new FileError(path, `extends: ${messageOf(cause)}`, { place: value.place, hint, cause });
  }
}

/** Whether a text is the path of a YAML file, by its ending. */
export function isYamlPath(text: string): boolean {
  return [".yaml", ".yml"].includes(extname(text).toLowerCase());
}

/** Which of several forms a map has. */
const DISCRIMINATORS = ["name", "source"];

function merge(below: YamlTree | undefined, above: YamlTree): YamlTree {
  if (above.kind !== "map") return above;
  if (below?.kind === "list" && above.implied) return mergeItems(below, above);
  if (below?.kind !== "map" || DISCRIMINATORS.some((key) => differ(below, above, key))) return above;
  return mergeMaps(below, above);
}

function differ(below: YamlMap, above: YamlMap, key: string): boolean {
  const [a, b] = [below, above].map(({ entries }) => entries.get(key)?.value);
  return a?.kind === "scalar" && b?.kind === "scalar" && a.value !== b.value;
}

function mergeMaps(below: YamlMap, above: YamlMap): YamlMap {
  const entries = new Map(below.entries);
  for (const [key, { place, value }] of above.entries) {
    const under = entries.get(key);
    const both = merge(under?.value, value);
    // Where a path only leads through what stands there already, that is still where it stands.
    const leads = under && both !== value && value.kind === "map" && value.implied;
    entries.set(key, { place: leads ? under.place : place, value: both });
  }
  return { ...(above.implied ? below : above), entries };
}

function mergeItems(below: YamlList, above: YamlMap): YamlList {
  const items: (YamlTree | undefined)[] = [...below.items];
  for (const [key, { place, value }] of above.entries) {
    const index = /^\d+$/.test(key) ? Number(key) : items.length;
    const item = items[index];
    if (!item) throw new ArgumentError(`${place}: there is no item ${key} of ${items.length}, counted from 0`);
    items[index] = isNull(value) ? undefined : merge(item, value);
  }
  return { ...below, items: items.filter((item) => item !== undefined) };
}

/** What was taken away is gone. */
function withoutNulls(map: YamlMap): YamlMap {
  const kept = [...map.entries].filter(([, { value }]) => !isNull(value));
  return { ...map, entries: new Map(kept.map(([key, { place, value }]) => [key, { place, value: cleaned(value) }])) };
}

function cleaned(tree: YamlTree): YamlTree {
  if (tree.kind === "map") return withoutNulls(tree);
  return tree.kind === "list" ? { ...tree, items: tree.items.map(cleaned) } : tree;
}

function isNull(tree: YamlTree): boolean {
  return tree.kind === "scalar" && tree.value === null;
}

function implied(place: string, entries: readonly (readonly [string, YamlTree])[]): YamlMap {
  return {
    kind: "map",
    place,
    entries: new Map(entries.map(([key, value]) => [key, { place, value }])),
    implied: true,
  };
}

function mapOf({ label, value }: Override): YamlMap {
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return implied(
    label,
    given.map(([key, inner]) => [key, treeOf(label, inner)]),
  );
}

function treeOf(place: string, value: unknown): YamlTree {
  if (Array.isArray(value)) return { kind: "list", place, items: value.map((item) => treeOf(place, item)) };
  if (typeof value !== "object" || value === null) return { kind: "scalar", place, value };
  return mapOf({ label: place, value: { ...value } });
}

function mapOfSet(text: string): YamlMap {
  const label = `--set ${text}`;
  const equals = text.indexOf("=");
  const keys = text.slice(0, Math.max(equals, 0)).split(".");
  if (keys.includes("")) {
    throw new ArgumentError(`${label}: is not of the form key=value`, "Write it as --set optimizer.lr=0.05.");
  }
  let value: YamlTree;
  try {
    value = parseYaml(text.slice(equals + 1), () => label);
  } catch (cause) {
    throw new ArgumentError(`${label}: the value is not valid YAML (${messageOf(cause)})`);
  }
  const [first = "", ...others] = keys;
  const inner = others.reduceRight<YamlTree>((tree, key) => implied(label, [[key, tree]]), value);
  return implied(label, [[first, inner]]);
}

/** Where a problem stands: its key or its value; of what is missing, the map that lacks it. */
function placeOf({ path, tree }: Layered, problem: Problem): string {
  let place = path;
  let inner: YamlTree = tree;
  for (const [i, step] of problem.path.entries()) {
    if (inner.kind === "list") {
      const item: YamlTree | undefined = inner.items[Number(step)];
      if (!item) break;
      inner = item;
      place = item.place;
      continue;
    }
    const entry: YamlEntry | undefined = inner.kind === "map" ? inner.entries.get(String(step)) : undefined;
    if (!entry) break;
    inner = entry.value;
    const isKey = i === problem.path.length - 1 && problem.about === "key";
    place = isKey || inner.kind === "map" ? entry.place : inner.place;
  }
  return place;
}
