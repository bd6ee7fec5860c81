import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { CsvError, parse } from "csv-parse/sync";
import { distance } from "fastest-levenshtein";
import { ArgumentError, FileError, messageOf } from "../../errors.js";
import { FileSet } from "../image-set.js";
import { type FolderOptions, lookAt } from "./folder.js";
import { groupsOf, requireApart } from "./groups.js";
import { type OpenedData, Problems } from "./opened.js";
import { holdOut } from "./split.js";

const COLUMNS = ["path", "label", "split", "group"] as const;
type Column = (typeof COLUMNS)[number];

const PARTS: Readonly<Record<string, "train" | "validation" | "test">> = {
  train: "train",
  validation: "validation",
  val: "validation",
  test: "test",
};

/** A line of the file. */
interface Row {
  readonly line: number;
  readonly path: string;
  readonly label: string;
  readonly split: string;
  readonly group: string;
}

/**
 * Finds the images that a CSV file (RFC 4180, UTF-8) lists; none is decoded. Its first line names the columns, in any
 * order; others than these are passed over:
 *
 * - `path`: of the image, relative to the CSV file's folder;
 * - `label`: the class's name. The classes are sorted by code unit;
 * - `split` (may be absent): `train`, `validation` or `val`, or `test`. Without it, or where it has no validation images,
 *   a part of the training images is held out, as of a folder;
 * - `group` (may be absent): what must not be divided, such as the patient; `groupBy` takes it from the paths instead.
 *
 * @throws FileError that names the line when the file is no such list, names an image twice, or an image is not there
 * @throws ArgumentError as {@link openImageFolder}
 */
export function openManifest(path: string, options: FolderOptions = {}): OpenedData<FileSet> {
  const { validationFraction = 0.2, seed = 0, groupBy } = options;
  const { rows, columns } = readRows(path);
  if (groupBy !== undefined && columns.has("group")) {
    throw new ArgumentError(`${path} has a column group: groupBy cannot be given too`);
  }
  const problems = new Problems(options.onUnreadable);
  const present = rows.filter(({ path: image, line }) =>
    isImageFile(resolve(dirname(path), image), line, path, problems),
  );
  const classes = [...new Set(rows.map(({ label }) => label))].sort();
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const title = basename(path);
  const setOf = (part: string, chosen: readonly Row[]): FileSet => {
    const names = chosen.map((row) => row.path);
    const told = columns.has("group") ? chosen.map((row) => row.group) : undefined;
    return new FileSet({
      name: `${title}/${part}`,
      classes,
      labels: chosen.map(({ label }) => labelOf.get(label) ?? 0),
      names,
      paths: names.map((name) => resolve(dirname(path), name)),
      groups: groupBy === undefined ? told : groupsOf(names, groupBy, path),
    });
  };
  const names = { train: `${title}/train`, validation: `${title}/validation` };
  if (!columns.has("split")) {
    return { ...holdOut(setOf("", present), validationFraction, seed, names), problems: problems.list };
  }
  const partOf = (part: string): Row[] => present.filter(({ split }) => PARTS[split] === part);
  const [train, validation, test] = ["train", "validation", "test"].map((part) => setOf(part, partOf(part)));
  if (!train || train.size === 0) throw new FileError(path, "has no images whose split is train");
  const given = [train, validation, test].flatMap((set) => (set && set.size > 0 ? [set] : []));
  requireApart(
    given.map((set) => [set.name.slice(title.length + 1), set]),
    path,
  );
  return {
    ...(validation && validation.size > 0 ? { train, validation } : holdOut(train, validationFraction, seed, names)),
    test: test && test.size > 0 ? test : undefined,
    problems: problems.list,
  };
}

function isImageFile(whole: string, line: number, csv: string, problems: Problems): boolean {
  const inside = new Problems("skip");
  const what = lookAt(whole, inside);
  const reason = what?.isDirectory() ? "is a folder" : inside.list[0]?.reason;
  if (reason !== undefined) problems.add(`${csv}, line ${line}`, `${whole} ${reason}`);
  return reason === undefined;
}

function readRows(path: string): { rows: Row[]; columns: ReadonlySet<Column> } {
  const [header, ...records] = parseCsv(path);
  if (header === undefined) throw new FileError(path, "is empty; its first line must name the columns path and label");
  const columns = columnsOf(path, header.fields);
  const lineOf = new Map<string, number>();
  const rows = records.map(({ fields, line }) => {
    const at = (column: Column): string => fields[columns.get(column) ?? -1] ?? "";
    const row = { line, path: at("path"), label: at("label"), split: at("split"), group: at("group") };
    for (const column of columns.keys()) {
      if (row[column] === "") throw new FileError(path, `line ${line}: its ${column} is empty`);
    }
    if (columns.has("split") && PARTS[row.split] === undefined) {
      const known = Object.keys(PARTS).join(", ");
      throw new FileError(path, `line ${line}: its split, ${JSON.stringify(row.split)}, is none of ${known}`);
    }
    const earlier = lineOf.get(row.path);
    if (earlier !== undefined) throw new FileError(path, `line ${line}: names ${row.path}, as line ${earlier} does`);
    lineOf.set(row.path, line);
    return row;
  });
  if (rows.length === 0) throw new FileError(path, "lists no images");
  return { rows, columns: new Set(columns.keys()) };
}

/** Where each column stands. */
function columnsOf(path: string, header: readonly string[]): Map<Column, number> {
  const names = header.map((name) => name.trim());
  const columns = new Map<Column, number>();
  for (const column of COLUMNS) {
    const at = names.indexOf(column);
    if (at >= 0) columns.set(column, at);
    if (at >= 0 && names.indexOf(column, at + 1) >= 0) throw new FileError(path, `line 1: has two columns ${column}`);
  }
  const absent = COLUMNS.filter((column) => !columns.has(column));
  for (const column of absent) {
    // An optional column whose name is misspelt must not be passed over.
    const near = names.find((name) => !isColumn(name) && isNear(name.toLowerCase(), column));
    if (near !== undefined) {
      throw new FileError(path, `line 1: has no column ${column}, but ${JSON.stringify(near)}`, {
        hint: `Did you mean ${column}? Columns are path, label, split and group; write others so that they are not mistaken for these.`,
      });
    }
    if (column === "path" || column === "label") {
      throw new FileError(path, `line 1: has no column ${column}; its columns are ${names.join(", ")}`, {
        hint: "The first line must name the columns: path and label, and perhaps split and group.",
      });
    }
  }
  return columns;
}

/** At most two letters differ, of `path` one: a column `date` is none of ours. */
function isNear(name: string, column: Column): boolean {
  return distance(name, column) <= (column === "path" ? 1 : 2);
}

function isColumn(name: string): name is Column {
  return COLUMNS.some((column) => column === name);
}

/** Records with the line that each ends in; empty lines are passed over. */
function parseCsv(path: string): { fields: string[]; line: number }[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    const reason = cause instanceof TypeError ? "is not UTF-8" : `could not be read (${messageOf(cause)})`;
    throw new FileError(path, reason, { cause });
  }
  const records: { fields: string[]; line: number }[] = [];
  try {
    parse(text, {
      skip_empty_lines: true,
      on_record: (fields: string[], { lines }) => {
        records.push({ fields, line: lines });
        return null;
      },
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new FileError(path, `is not valid CSV (${cause.message})`, { cause });
  }
  return records;
}
