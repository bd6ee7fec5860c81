import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { ConfusionMatrix } from "../train/metrics.js";
import { confusionTable, metricsTable, printable, table } from "./tables.js";

const matrix = ConfusionMatrix.fromCounts(
  ["tumor", "TIL", "none"],
  [
    [9, 1, 0],
    [2, 3, 0],
    [0, 0, 0],
  ],
);

describe("table", () => {
  it("aligns names left and numbers right, under one line", () => {
    expect(
      plain(
        table(
          ["layer", "count"],
          [
            ["conv", 1200],
            ["a long name", "7"],
          ],
        ),
      ),
    ).toBe(["layer        count", "──────────────────", "conv          1200", "a long name      7"].join("\n"));
  });

  it("aligns as told, and sets the footer apart", () => {
    const text = table(["a", "b"], [["1", "x"]], { align: ["right", "left"], footer: [["sum", "yz"]] });
    expect(plain(text)).toBe(["  a  b", "───────", "  1  x", "───────", "sum  yz"].join("\n"));
  });

  it("is a head where there are no rows", () => {
    expect(plain(table(["a", "b"], []))).toMatch(/^a {2}b/);
  });
});

describe("confusionTable", () => {
  it("has true classes down and predicted ones across", () => {
    expect(plain(confusionTable(matrix))).toBe(
      [
        "true \\ predicted  tumor  TIL  none  recognised",
        "──────────────────────────────────────────────",
        "tumor                 9    1     0      90.0 %",
        "TIL                   2    3     0      60.0 %",
        "none                  0    0     0           –",
      ].join("\n"),
    );
  });

  it("lets no name of a class move the cursor", () => {
    const evil = new ConfusionMatrix(["\u001b[2Jx", "y\nz"]);
    expect(plain(confusionTable(evil))).toContain("\ufffd[2Jx");
    expect(plain(confusionTable(evil)).split("\n")).toHaveLength(4);
    expect(printable("a\u009bb\tc")).toBe("a\ufffdb\ufffdc");
  });
});

describe("metricsTable", () => {
  it("lists the classes, their mean and the accuracies", () => {
    expect(plain(metricsTable(matrix))).toBe(
      [
        "class              images  precision  recall      F1",
        "────────────────────────────────────────────────────",
        "tumor                  10     81.8 %  90.0 %  85.7 %",
        "TIL                     5     75.0 %  60.0 %  66.7 %",
        "none                    0      0.0 %   0.0 %   0.0 %",
        "────────────────────────────────────────────────────",
        "mean of classes        15     78.4 %  75.0 %  76.2 %",
        "accuracy               15                     80.0 %",
        "balanced accuracy      15                     75.0 %",
      ].join("\n"),
    );
  });
});

function plain(text: string): string {
  return stripVTControlCharacters(text);
}
