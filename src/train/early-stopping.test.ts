import { describe, expect, it } from "vitest";
import { someScores, TinyNet } from "../../test/support/tiny.js";
import { SGD } from "../optim/index.js";
import { device } from "../tensor/torch/index.js";
import type { FitContext } from "./callback.js";
import { EarlyStopping } from "./early-stopping.js";
import type { EpochRecord, Metric, Scores } from "./epoch.js";

function recordOf(epoch: number, validation: Scores, average?: Scores): EpochRecord {
  const rest = { train: { loss: 1, accuracy: 0.5 }, learningRate: 0.1, seconds: 1, imagesPerSecond: 1 };
  return { epoch, ...rest, validation, average };
}

/** A training that can only be stopped. */
function fitOf(stop: (reason: string) => void): FitContext {
  const model = new TinyNet().materialize(device());
  const state = () => {
    throw new Error("nobody asks for it");
  };
  return { model, optimizer: new SGD(model.parameters(), { learningRate: 1 }), epochs: 99, batches: 1, stop, state };
}

/** The epoch after which it stops, and why; the values are those of the metric by epochs. */
function stopAfter(options: Partial<ConstructorParameters<typeof EarlyStopping>[0]>, values: readonly number[]) {
  const settings = { metric: "loss" as Metric, patience: 3, minDelta: 0, ...options };
  const stopping = new EarlyStopping(settings);
  let reason: string | undefined;
  stopping.onFitStart(
    fitOf((why) => {
      reason = why;
    }),
  );
  for (const [i, value] of values.entries()) {
    stopping.onTrainEpochEnd(recordOf(i + 1, someScores({ [settings.metric]: value })));
    if (reason !== undefined) return { epoch: i + 1, reason };
  }
  return undefined;
}

describe("EarlyStopping", () => {
  // Lightning's: wait_count >= patience, counted from the epoch after the best.
  it.each([
    [0, 3],
    [1, 3],
    [2, 4],
    [3, 5],
    [4, undefined],
  ])("stops after %d epochs without improvement", (patience, epoch) => {
    expect(stopAfter({ patience }, [1, 0.9, 0.95, 0.9, 0.91])?.epoch).toBe(epoch);
  });

  it("begins to count anew with every improvement", () => {
    expect(stopAfter({ patience: 2 }, [1, 1.1, 0.9, 1, 0.8, 0.8, 0.8, 0.1])).toEqual({
      epoch: 7,
      reason: "loss has not improved for 2 epochs (best: 0.8000 in epoch 5)",
    });
  });

  it("takes a higher score for better, but a lower loss or calibration error", () => {
    const rising = [0.1, 0.2, 0.3, 0.4];
    for (const metric of ["accuracy", "balancedAccuracy", "macroF1", "top5Accuracy", "rocAuc"] as const) {
      expect(stopAfter({ metric, patience: 1 }, rising)).toBeUndefined();
      expect(stopAfter({ metric, patience: 1 }, [...rising].reverse())?.epoch).toBe(2);
    }
    for (const metric of ["loss", "calibrationError"] as const) {
      expect(stopAfter({ metric, patience: 1 }, rising)?.epoch).toBe(2);
      expect(stopAfter({ metric, patience: 1 }, [...rising].reverse())).toBeUndefined();
    }
  });

  it("wants more than minDelta, measured from the best epoch", () => {
    // 0.5 less each time is no improvement by itself, the second time it is.
    expect(stopAfter({ patience: 2, minDelta: 0.75 }, [4, 3.5, 3, 2.5, 2, 1.5, 1])).toBeUndefined();
    expect(stopAfter({ patience: 1, minDelta: 0.5 }, [4, 3.5])?.epoch).toBe(2);
    expect(stopAfter({ patience: 1, minDelta: 0.25, metric: "accuracy" }, [0.25, 0.75, 1])?.epoch).toBe(3);
  });

  it("sees no improvement in what is no number, from the first epoch on", () => {
    expect(stopAfter({ patience: 2 }, [Number.NaN, Number.NaN])).toEqual({
      epoch: 2,
      reason: "loss was no number for 2 epochs",
    });
    expect(stopAfter({ patience: 2 }, [Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NaN])?.epoch).toBe(4);
    expect(stopAfter({ patience: 2, metric: "rocAuc" }, [0.5, Number.NaN, 0.6, Number.NaN])).toBeUndefined();
  });

  it("judges by the averaged weights where there are such", () => {
    const reasons: string[] = [];
    const stopping = new EarlyStopping({ metric: "loss", patience: 1, minDelta: 0 });
    stopping.onFitStart(fitOf((reason) => reasons.push(reason)));
    stopping.onTrainEpochEnd(recordOf(1, someScores({ loss: 1 }), someScores({ loss: 2 })));
    stopping.onTrainEpochEnd(recordOf(2, someScores({ loss: 3 }), someScores({ loss: 1 })));
    expect(reasons).toEqual([]);
    stopping.onTrainEpochEnd(recordOf(3, someScores({ loss: 0 }), someScores({ loss: 1 })));
    expect(reasons).toHaveLength(1);
  });

  it("goes on through JSON where it was", () => {
    const losses = [1, 0.5, 0.6, 0.7, 0.8];
    for (let stopped = 0; stopped < losses.length; stopped++) {
      let ends: number | undefined;
      let stopping = new EarlyStopping({ metric: "loss", patience: 3, minDelta: 0 });
      for (const [i, loss] of losses.entries()) {
        if (i === stopped) {
          const state: unknown = JSON.parse(JSON.stringify(stopping.state()));
          stopping = new EarlyStopping({ metric: "loss", patience: 3, minDelta: 0 });
          stopping.loadState(state);
        }
        stopping.onFitStart(
          fitOf(() => {
            ends = i + 1;
          }),
        );
        stopping.onTrainEpochEnd(recordOf(i + 1, someScores({ loss })));
      }
      expect(ends).toBe(5);
    }
    expect(() => new EarlyStopping({ metric: "loss", patience: 1, minDelta: 0 }).loadState({ best: 1 })).toThrow();
  });
});
