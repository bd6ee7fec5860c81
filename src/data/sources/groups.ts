import { ArgumentError, FileError, messageOf } from "../../errors.js";
import type { Labelled } from "../image-set.js";

/**
 * The group that each path tells.
 *
 * @param groupBy a regular expression with one pair of capturing parentheses, around what names the group:
 *   `^(p\d+)_` takes `p07` from `p07_12.png`. It is matched with the file's name; one that contains a slash, with the
 *   whole path: `([^/]+)/[^/]+$` takes the folder that the file lies in
 * @throws ArgumentError when it is no such expression
 * @throws FileError for the first path that it does not match
 */
export function groupsOf(paths: readonly string[], groupBy: string, root: string): string[] {
  let expression: RegExp;
  let pairs: number;
  try {
    expression = new RegExp(groupBy);
    // The empty alternative matches anything, and gives a place to every pair of parentheses.
    pairs = (new RegExp(`${groupBy}|`).exec("")?.length ?? 1) - 1;
  } catch (cause) {
    throw new ArgumentError(`groupBy is no regular expression (${messageOf(cause)})`);
  }
  if (pairs !== 1) {
    throw new ArgumentError(
      `groupBy, ${groupBy}, has ${pairs} capturing groups; it needs one, around what names the group`,
      String.raw`For example ^(p\d+)_ takes p07 from p07_12.png. Parentheses that only bracket are written (?:…).`,
    );
  }
  const whole = groupBy.includes("/");
  return paths.map((path) => {
    const group = expression.exec(whole ? path : path.slice(path.lastIndexOf("/") + 1))?.[1];
    if (group) return group;
    throw new FileError(root, `groupBy, ${groupBy}, finds no group in ${path}`);
  });
}

/**
 * Makes sure that no group is in two parts: a network would be tested on patients that it was trained on.
 *
 * @param path for the error
 * @throws FileError that names a group
 */
export function requireApart(parts: readonly (readonly [string, Labelled])[], path: string): void {
  const partOf = new Map<string, string>();
  for (const [part, { groups = [], names }] of parts) {
    for (const [i, group] of groups.entries()) {
      const other = partOf.get(group);
      if (other !== undefined && other !== part) {
        throw new FileError(path, `group ${group} is in ${other} and in ${part} (${names[i]})`, {
          hint: "Images of one group belong into one part.",
        });
      }
      partOf.set(group, part);
    }
  }
}
