// What we use of packages whose own types lack it, or (opentype.js) would bring the browser's global types with them.

declare module "opentype.js" {
  /** A step of an outline in absolute coordinates: move, line, cubic and quadratic curve, close. */
  export type PathCommand =
    | { type: "M" | "L"; x: number; y: number }
    | { type: "C"; x1: number; y1: number; x2: number; y2: number; x: number; y: number }
    | { type: "Q"; x1: number; y1: number; x: number; y: number }
    | { type: "Z" };

  export interface Glyph {
    /** Place in the font; 0 is the sign for a missing character. */
    index: number;
    advanceWidth: number;
    getPath(x: number, y: number, fontSize: number): { commands: PathCommand[] };
  }
  export interface Font {
    unitsPerEm: number;
    charToGlyph(character: string): Glyph;
  }
  const opentype: { parse(file: ArrayBuffer): Font };
  export default opentype;
}

declare module "vega" {
  /** How wide texts are; `width` may be replaced. */
  export const textMetrics: {
    width(item: { fontSize?: number; fontWeight?: string | number; limit?: number }, text: unknown): number;
  };
}
