import { readFileSync } from "node:fs";
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { FileError, FoveaError, messageOf } from "./errors.js";

/** What a YAML text says, and where it says it. */
export type YamlTree = YamlMap | YamlList | YamlScalar;

export interface YamlMap {
  readonly kind: "map";
  readonly place: string;
  readonly entries: ReadonlyMap<string, YamlEntry>;
  /** Made by a path such as `a.b`, so that it stands nowhere itself. */
  readonly implied?: true;
}

export interface YamlEntry {
  /** The key's. */
  readonly place: string;
  readonly value: YamlTree;
}

export interface YamlList {
  readonly kind: "list";
  readonly place: string;
  readonly items: readonly YamlTree[];
}

export interface YamlScalar {
  readonly kind: "scalar";
  readonly place: string;
  readonly value: unknown;
}

/** How many values aliases may add to a text: a few lines of them could stand for billions. */
const MOST_ALIASED = 10_000;

/**
 * Reads one YAML document; aliases are replaced by what they name.
 *
 * @param placeOf the place of a line and a column, both counted from 1
 * @throws FoveaError `line:column: what is wrong`
 */
export function parseYaml(text: string, placeOf: (line: number, column: number) => string): YamlTree {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const fail = (offset: number, message: string): never => {
    const { line, col } = lineCounter.linePos(offset);
    throw new FoveaError("YAML", `${line}:${col}: ${message}`);
  };
  // A tag that nobody knows is only a warning to the parser.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) {
    fail(
      problem.pos[0],
      problem.code === "MULTIPLE_DOCS" ? "a second document begins, one is wanted" : problem.message,
    );
  }

  const anchors = new Map<string, { tree: YamlTree; size: number } | "unfinished">();
  let size = 0;
  let aliased = 0;

  function convert(node: unknown, fallback: number): YamlTree {
    const offset = offsetOf(node) ?? fallback;
    if (isAlias(node)) {
      const named = anchors.get(node.source) ?? fail(offset, `there is no anchor &${node.source} before it`);
      if (named === "unfinished") return fail(offset, `*${node.source} stands within what it names`);
      size += named.size;
      aliased += named.size;
      if (aliased > MOST_ALIASED) fail(offset, `aliases stand for more than ${MOST_ALIASED} values`);
      return named.tree;
    }
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    const before = size++;
    if (anchor !== undefined) anchors.set(anchor, "unfinished");
    const tree = convertOwn(node, offset);
    if (anchor !== undefined) anchors.set(anchor, { tree, size: size - before });
    return tree;
  }

  function convertOwn(node: unknown, offset: number): YamlTree {
    const { line, col } = lineCounter.linePos(offset);
    const place = placeOf(line, col);
    if (isSeq(node)) return { kind: "list", place, items: node.items.map((item) => convert(item, offset)) };
    if (!isMap(node)) return { kind: "scalar", place, value: isScalar(node) ? node.value : null };
    const entries = new Map<string, YamlEntry>();
    for (const { key, value } of node.items) {
      const at = offsetOf(key) ?? offset;
      if (!isScalar(key) || key.value === null || typeof key.value === "object")
        return fail(at, "a key must be a text");
      const name = String(key.value);
      if (entries.has(name)) fail(at, `${name} stands twice`);
      const position = lineCounter.linePos(at);
      entries.set(name, { place: placeOf(position.line, position.col), value: convert(value, at) });
    }
    return { kind: "map", place, entries };
  }

  return convert(document.contents, 0);
}

/** Where a node begins. */
function offsetOf(node: unknown): number | undefined {
  return isAlias(node) || isMap(node) || isSeq(node) || isScalar(node) ? node.range?.[0] : undefined;
}

/** The values alone. */
export function plainOf(tree: YamlTree): unknown {
  switch (tree.kind) {
    case "scalar":
      return tree.value;
    case "list":
      return tree.items.map(plainOf);
    case "map":
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, plainOf(value)]));
    default:
      return tree satisfies never;
  }
}

/** What a YAML file says, with places as `path:line:column`. @throws FileError as {@link readYaml} */
export function readYamlTree(path: string): YamlTree {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new FileError(path, `could not be read (${messageOf(cause)})`, { cause });
  }
  try {
    return parseYaml(text, (line, column) => `${path}:${line}:${column}`);
  } catch (cause) {
    throw new FileError(path, `is not valid YAML (${messageOf(cause)})`, { cause });
  }
}

/** What a YAML file says. @throws FileError when it cannot be read, or is no YAML, with line and column */
export function readYaml(path: string): unknown {
  return plainOf(readYamlTree(path));
}
