import { describe, expect, it } from "vitest";
import { readGolden } from "../../test/support/files.js";
import { ArgumentError } from "../errors.js";
import { type PlateauOptions, PlateauSchedule } from "./index.js";

interface Observed {
  observed: number[];
  rates: number[];
}

const golden = readGolden<{ plateau: Record<string, Observed> }>("schedules").plateau;

const plateaus: Record<string, PlateauOptions> = {
  default: {},
  loss: { patience: 2 },
  accuracy: { best: "greatest", factor: 0.3, patience: 1, threshold: 0.01, cooldown: 2, lowest: 0.02 },
};

const moment = { step: 0, steps: 1, epoch: 0, epochs: 1 };

describe("PlateauSchedule", () => {
  it.each(Object.entries(golden))("has ReduceLROnPlateau's rates: %s", (name, { observed, rates }) => {
    expect(new Set(rates).size).toBeGreaterThan(1);
    const plateau = new PlateauSchedule(0.4, plateaus[name]);
    expect(plateau.schedule(moment)).toBe(0.4);
    for (const [i, value] of observed.entries()) {
      plateau.observe(value);
      expect(plateau.schedule(moment)).toBeCloseTo(rates[i] ?? 0, 12);
    }
  });

  it("goes on from its state, wherever it was kept", () => {
    const { observed, rates } = golden.accuracy ?? { observed: [], rates: [] };
    for (let kept = 0; kept < observed.length; kept++) {
      const first = new PlateauSchedule(0.4, plateaus.accuracy);
      for (const value of observed.slice(0, kept)) first.observe(value);
      const second = new PlateauSchedule(0.4, plateaus.accuracy);
      second.loadState(JSON.parse(JSON.stringify(first.state())));
      for (const value of observed.slice(kept)) second.observe(value);
      expect(second.schedule(moment)).toBeCloseTo(rates.at(-1) ?? 0, 12);
    }
  });

  it("takes what is no number for no improvement", () => {
    const plateau = new PlateauSchedule(1, { patience: 1 });
    for (const value of [Number.NaN, Number.NaN]) plateau.observe(value);
    expect(plateau.schedule(moment)).toBe(0.1);
    plateau.observe(3);
    expect(plateau.state().best).toBe(3);
  });

  it("refuses options below 0", () => {
    for (const name of ["factor", "patience", "threshold", "cooldown", "lowest"]) {
      expect(() => new PlateauSchedule(1, { [name]: -1 })).toThrow(ArgumentError);
    }
  });
});
