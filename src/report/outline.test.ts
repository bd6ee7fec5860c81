import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { fitText, measureText, textPath } from "./glyphs.js";
import { outlineText, textElement } from "./outline.js";

describe("glyphs", () => {
  it("are as wide as the font says", () => {
    // Sums of advance widths read by fontTools, in units of 1/2048 em.
    expect(measureText("Validation loss 0.123", 2048)).toBeCloseTo(19830, 6);
    expect(measureText("90.8 %", 2048, 600)).toBeCloseTo(7198, 6);
    expect(measureText("90.8 %", 2048, "bold")).toBe(measureText("90.8 %", 2048, 600));
    expect(measureText("", 11)).toBe(0);
  });

  it("are there for Latin, Greek and Cyrillic, with the signs of our charts", () => {
    expect(textPath("Añb łódź Ωμέγα рак 0–9 × − … %", 0, 0, 12)).toMatch(/^M[-\d. MLQC]+$/);
    expect(textPath("細胞", 0, 0, 12)).toBeUndefined();
  });

  it("have numbers that stand apart, also where one rounds to -0", () => {
    // Centred at 0, the outline of the 8 passes x = -0.0027.
    const path = textPath("8", -measureText("8", 11) / 2, 0, 11) ?? "";
    const coordinates = path.split(/[MLQZ]/).flatMap((part) => (part === "" ? [] : part.split(" ")));
    for (const coordinate of coordinates) expect(coordinate).toMatch(/^-?\d+(\.\d{1,2})?$/);
  });

  it("are cut to a width, with an ellipsis", () => {
    expect(fitText("tumor", 100, 12)).toBe("tumor");
    const cut = fitText("a very long name of a class", 60, 12);
    expect(cut).toMatch(/^a ve.*…$/);
    expect(measureText(cut, 12)).toBeLessThanOrEqual(60);
  });
});

describe("outlineText", () => {
  const svg = (inside: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><rect width="200" height="60" fill="#fff"/>${inside}</svg>`;

  it("leaves no text behind, and what is not text alone", () => {
    const text =
      '<text transform="translate(5,20)" fill="#000" font-size="11px" font-family="Inter">a &lt; b &amp; c</text>';
    const outlined = outlineText(svg(text));
    expect(outlined).not.toContain("<text");
    expect(outlined).toContain(
      `<path transform="translate(5,20)" fill="#000" d="${textPath("a < b & c", 0, 0, 11)}"/>`,
    );
    expect(outlined).toContain('<rect width="200" height="60" fill="#fff"/>');
  });

  it.each([
    ["start", 100],
    ["middle", 100 - measureText("Validation", 20) / 2],
    ["end", 100 - measureText("Validation", 20)],
  ])("draws at its place, anchored at the %s", async (anchor, left) => {
    const text = `<text text-anchor="${anchor}" transform="translate(100,30)" font-size="20px">Validation</text>`;
    const { info } = await sharp(Buffer.from(outlineText(svg(text))))
      .trim({ background: "#ffffff", threshold: 40 })
      .toBuffer({ resolveWithObject: true });
    const { width } = info;
    expect(Math.abs(-(info.trimOffsetLeft ?? 0) - left)).toBeLessThan(2);
    expect(Math.abs(width - Math.min(measureText("Validation", 20), 200 - left))).toBeLessThan(4);
  });

  it("follows the lines of a text", () => {
    const text = '<text font-size="10px"><tspan>one</tspan><tspan x="0" dy="12">two</tspan></text>';
    expect(outlineText(text)).toBe(`<path d="${textPath("one", 0, 0, 10)}${textPath("two", 0, 12, 10)}"/>`);
  });

  it("leaves to the machine's fonts what ours lacks", () => {
    const text = '<text font-size="10px">細胞</text>';
    expect(outlineText(text)).toBe(text);
    expect(textElement("<細胞>\u0000", { x: 1, y: 2, size: 10, fill: "#000" })).toBe(
      '<text x="1" y="2" font-size="10" font-weight="400" font-family="sans-serif" fill="#000">&lt;細胞&gt;\ufffd</text>',
    );
  });
});
