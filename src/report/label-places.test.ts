import { describe, expect, it } from "vitest";
import { measureText } from "./glyphs.js";
import { placeLabels } from "./label-places.js";

const area = { width: 400, height: 300 };
const size = 11;

function boxes(points: readonly { x: number; y: number; text: string }[]) {
  return placeLabels(points, area, size).map(({ dx, dy }, i) => {
    const { x = 0, y = 0, text = "" } = points[i] ?? {};
    return {
      left: x + dx,
      right: x + dx + measureText(text, size),
      top: y + dy - 0.8 * size,
      bottom: y + dy + 0.25 * size,
    };
  });
}

describe("placeLabels", () => {
  it("puts a text to the right of a lone point, and to the left at the right edge", () => {
    const [lone] = placeLabels([{ x: 100, y: 100, text: "resnet18" }], area, size);
    expect(lone).toEqual({ dx: 8, dy: 0.35 * size, leader: undefined });
    const [edge] = boxes([{ x: 395, y: 100, text: "resnet18" }]);
    expect(edge?.right).toBeCloseTo(395 - 8);
  });

  it("lets no text cover another one, a point or the edge while there is room", () => {
    // Twelve points in a heap of 30 x 20 pixels: no two texts have room beside them.
    const points = Array.from({ length: 12 }, (_, i) => ({
      x: 180 + ((i * 7) % 30),
      y: 140 + ((i * 11) % 20),
      text: `network${i}`,
    }));
    const found = boxes(points);
    for (const [i, a] of found.entries()) {
      expect(a.left >= 0 && a.right <= area.width && a.top >= 0 && a.bottom <= area.height).toBe(true);
      for (const b of found.slice(i + 1)) {
        const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        expect(apart).toBe(true);
      }
    }
  });

  it("leads a line to a text that could be taken for another point's", () => {
    const points = Array.from({ length: 6 }, (_, i) => ({ x: 200 + 6 * i, y: 150, text: `network${i}` }));
    const places = placeLabels(points, area, size);
    const led = places.filter(({ leader }) => leader !== undefined);
    expect(led.length).toBeGreaterThan(0);
    expect(led.length).toBeLessThan(6);
  });
});
