import { z } from "zod";
import { nearest } from "./nearest.js";

/** One thing that a schema has against a value. */
export interface Problem {
  /** Keys and numbers of items, from the outside in. */
  readonly path: readonly PropertyKey[];
  /** Whether the last key of the path is not known, or what it holds is wrong. */
  readonly about: "key" | "value";
  readonly message: string;
}

/** What a value is by a schema, or everything that is wrong with it, in words for whoever wrote it. */
export function checkAgainst<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { readonly data: z.output<Schema> } | { readonly problems: readonly Problem[] } {
  const parsed = schema.safeParse(value, { error: wordsFor });
  if (parsed.success) return { data: parsed.data };
  return { problems: problemsOf(parsed.error.issues, value, []) };
}

/** What stands in for the message of a union whose branches tell more than the union. */
const SEVERAL = "must be one of several kinds";

function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  root: unknown,
  prefix: readonly PropertyKey[],
): readonly Problem[] {
  return issues.flatMap((issue): readonly Problem[] => {
    const path = [...prefix, ...issue.path];
    const value = valueAt(root, path);
    if (issue.code === "invalid_union" && issue.message === SEVERAL) return ofBranches(issue.errors, root, path, value);
    if (issue.code === "unrecognized_keys") {
      const messages = issue.message.split("\n");
      // A schema's own words are about all of them.
      if (messages.length !== issue.keys.length) return [{ path, about: "value", message: issue.message }];
      return issue.keys.map((key, i) => ({ path: [...path, key], about: "key", message: messages[i] ?? "" }));
    }
    return [{ path, about: "value", message: withValue(issue.message, value) }];
  });
}

/** The problems of the branch that was probably meant: of the written kind, with the least to say against it. */
function ofBranches(
  branches: readonly (readonly z.core.$ZodIssue[])[],
  root: unknown,
  path: readonly PropertyKey[],
  value: unknown,
): readonly Problem[] {
  const [best] = branches
    .filter((issues) => !issues.some((issue) => isOfAnotherKind(issue, value)))
    .map((issues) => problemsOf(issues, root, path))
    .sort((a, b) => against(a) - against(b));
  if (best) return best;
  const kinds = branches.flatMap((issues) => issues.slice(0, 1).map(({ message }) => message.replace(/^must be /, "")));
  return [{ path, about: "value", message: withValue(`must be ${[...new Set(kinds)].join(" or ")}`, value) }];
}

/** Where a key was misspelt, it is known which one was meant: that counts half. */
function against(problems: readonly Problem[]): number {
  return problems.reduce((sum, { message }) => sum + (message.includes("did you mean") ? 0.5 : 1), 0);
}

function isOfAnotherKind(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_value") return !issue.values.some((wanted) => typeof wanted === typeof value);
  return issue.code === "invalid_type";
}

/** Words for the issues of schemas that have none of their own. */
function wordsFor(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${kindOf(issue.expected, issue.inst)}`;
    case "invalid_value":
      return oneOf(issue.values.map(String), issue.input);
    case "unrecognized_keys": {
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
      // One line for each; see problemsOf.
      return issue.keys.map((key) => `there is no such setting; ${meantOr(key, known)}`).join("\n");
    }
    case "invalid_union": {
      const { discriminator, options, input } = issue;
      if (typeof discriminator !== "string" || !Array.isArray(options)) return SEVERAL;
      const chosen = isMap(input) ? input[discriminator] : undefined;
      return oneOf(options.map(String), chosen);
    }
    case "too_small":
      return boundWords(issue.origin, issue.minimum, issue.inclusive ? "at least" : "above");
    case "too_big":
      return boundWords(issue.origin, issue.maximum, issue.inclusive ? "at most" : "below");
    default:
      return undefined;
  }
}

function oneOf(known: readonly string[], input: unknown): string {
  if (typeof input === "string" && known.length > 1) return `there is no "${input}"; ${meantOr(input, known)}`;
  return known.length > 1 ? `must be one of ${known.join(", ")}` : `must be ${known.join("")}`;
}

function meantOr(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? `there are ${known.join(", ")}` : `did you mean ${meant}?`;
}

function kindOf(expected: string, schema: unknown): string {
  if (schema instanceof z.ZodTuple) return `a list of ${schema.def.items.length}`;
  if (schema instanceof z.ZodObject) {
    const keys = Object.keys(schema.shape);
    return keys.length <= 4 ? `a map with ${keys.join(", ")}` : "a map";
  }
  // Of a text a schema for whole numbers says only that it wants a number.
  return KINDS.get(schema instanceof z.ZodNumber && schema.isInt ? "int" : expected) ?? expected;
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ["number", "a number"],
  ["int", "a whole number"],
  ["string", "a text"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "a map"],
  ["record", "a map"],
]);

function boundWords(origin: string, bound: number | bigint, relation: string): string {
  if (origin === "array") return `must have ${relation} ${bound} ${bound === 1 ? "item" : "items"}`;
  if (origin !== "string") return `must be ${relation} ${bound}`;
  return bound === 1 && relation === "at least" ? "must not be empty" : `must have ${relation} ${bound} characters`;
}

/** Says also what was written instead, or that nothing was. */
function withValue(message: string, value: unknown): string {
  if (!message.startsWith("must ")) return message;
  if (value === undefined) return `is missing; it ${message}`;
  return message === "must not be empty" ? message : `${message}, not ${shown(value)}`;
}

/** Longer texts and lists are told in words. */
const LONGEST = 50;

function shown(value: unknown): string {
  if (isMap(value)) return "a map";
  // JSON has no infinity.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  if (text.length <= LONGEST) return text;
  return Array.isArray(value) ? `a list of ${value.length}` : `${text.slice(0, LONGEST)}…`;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, root);
}

function isMap(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
