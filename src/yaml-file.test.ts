import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FileError } from "./errors.js";
import { parseYaml, plainOf, readYaml, readYamlTree } from "./yaml-file.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-yaml-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (line: number, column: number) => `${line}:${column}`;
const parsed = (text: string) => plainOf(parseYaml(text, at));

describe("parseYaml", () => {
  it("reads what YAML says, aliases as what they name", () => {
    expect(parsed("a: 1\nb: [x, true, 1e-5, null]\nc: {}\n7: yes")).toEqual({
      a: 1,
      b: ["x", true, 1e-5, null],
      c: {},
      // YAML 1.2: no more a truth value.
      7: "yes",
    });
    expect(parsed("a: &list [1, 2]\nb: *list")).toEqual({ a: [1, 2], b: [1, 2] });
    expect(parsed("a: &x 1\nb: &x 2\nc: *x")).toEqual({ a: 1, b: 2, c: 2 });
    expect([parsed(""), parsed("a:"), parsed("word")]).toEqual([null, { a: null }, "word"]);
  });

  it("knows where each key, value and item stands", () => {
    expect(parseYaml("one:\n  two: [3,\n    4]\n", at)).toEqual({
      kind: "map",
      place: "1:1",
      entries: new Map([
        [
          "one",
          {
            place: "1:1",
            value: {
              kind: "map",
              place: "2:3",
              entries: new Map([
                [
                  "two",
                  {
                    place: "2:3",
                    value: {
                      kind: "list",
                      place: "2:8",
                      items: [
                        { kind: "scalar", place: "2:9", value: 3 },
                        { kind: "scalar", place: "3:5", value: 4 },
                      ],
                    },
                  },
                ],
              ]),
            },
          },
        ],
      ]),
    });
  });

  it("does not let a key change what objects are", () => {
    const value = parsed("__proto__: {polluted: 1}\n");
    expect(Object.keys(Object(value))).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it.each([
    ["a: 1\na: 2", /^2:1: Map keys must be unique$/],
    ["1: a\n'1': b", /^2:1: 1 stands twice$/],
    ["a: [1, 2\nb: 3", /^2:1: /],
    ["a: 1\n\tb: 2", /^2:/],
    ["a: 1\n---\nb: 2", /^2:1: a second document begins/],
    ["a: !!python/object:os.system 1", /^1:4: Unresolved tag/],
    ["a: *x", /^1:4: .*\bx\b/],
    ["a: &x [1, *x]", /^1:11: \*x stands within what it names$/],
    ["? [1, 2]\n: 3", /^1:3: a key must be a text$/],
  ])("tells of %j where it is wrong", (text, message) => {
    expect(() => parseYaml(text, at)).toThrow(message);
  });

  it("lets no few lines stand for billions", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, *a${i - 1}`}]`);
    expect(() => parsed(lines.join("\n"))).toThrow(/^\d+:\d+: aliases stand for more than 10000 values$/);
    expect(parsed(lines.slice(0, 8).join("\n"))).toHaveProperty("a7");
  });

  it("tells that something is nested too deeply", () => {
    expect(() => parsed("[".repeat(10_000))).toThrow(Error);
  });
});

describe("readYaml", () => {
  it("names the file", () => {
    const path = join(folder, "a.yaml");
    writeFileSync(path, "a:\n  - {b: 1}\n");
    expect(readYaml(path)).toEqual({ a: [{ b: 1 }] });
    expect(readYamlTree(path).place).toBe(`${path}:1:1`);
    expect(() => readYaml(join(folder, "none.yaml"))).toThrow(FileError);
    expect(() => readYaml(join(folder, "none.yaml"))).toThrow(/none\.yaml: could not be read \(ENOENT/);
    writeFileSync(path, "a: {\n");
    expect(() => readYaml(path)).toThrow(/a\.yaml: is not valid YAML \(2:1: /);
  });
});
