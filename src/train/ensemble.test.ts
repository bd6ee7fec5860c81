import { describe, expect, it } from "vitest";
import { loaderOf, TinyNet, twoColors } from "../../test/support/tiny.js";
import { Loader, parsePipeline } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import { device } from "../tensor/torch/index.js";
import { classificationReport } from "./classification-report.js";
import { type EnsembleMember, ensemble, meanPredictions } from "./ensemble.js";
import { evaluate, predict } from "./evaluate.js";

const classes = ["cat", "dog"];
const indices = Uint32Array.of(0, 1, 3);
/** Of a set of four images, of which the third could not be read. */
const set = { classes, labels: [0, 1, 1, 1] };
/** Eighths, which binary fractions hold exactly. */
const one: EnsembleMember = { classes, indices, probabilities: Float32Array.of(0.75, 0.25, 0.5, 0.5, 1, 0) };
const two: EnsembleMember = { classes, indices, probabilities: Float32Array.of(0.25, 0.75, 0.25, 0.75, 0.5, 0.5) };

describe("ensemble", () => {
  it("is the mean of the probabilities, and its loss their negative log-likelihood", () => {
    const { probabilities, matrix, loss, indices: images } = ensemble([one, two], set);
    expect([...probabilities]).toEqual([0.5, 0.5, 0.375, 0.625, 0.75, 0.25]);
    expect([...images]).toEqual([0, 1, 3]);
    // Of two equal ones the first, as everywhere: the first image is taken for a cat, which it is.
    expect(matrix.counts).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(loss).toBeCloseTo(-(Math.log(0.5) + Math.log(0.625) + Math.log(0.25)) / 3, 15);
  });

  it("weighs its members in proportion", () => {
    const weighted = ensemble(
      [
        { ...one, weight: 1.5 },
        { ...two, weight: 0.5 },
      ],
      set,
    );
    expect([...weighted.probabilities]).toEqual([0.625, 0.375, 0.4375, 0.5625, 0.875, 0.125]);
    expect(ensemble([{ ...one, weight: 0 }, two], set)).toEqual(ensemble([two], set));
  });

  it("keeps sums in float64: the loss of many members is that of their exact mean", () => {
    // In float32 a third of 1, 1 and 2^-25 would be the same as of 1, 1 and 0.
    const small = 2 ** -25;
    const members = [1, 1, 0].map((sure): EnsembleMember => {
      const right = sure || small;
      return { classes, indices: Uint32Array.of(0), probabilities: Float32Array.of(right, 1 - right) };
    });
    expect(ensemble(members, { classes, labels: [0] }).loss).toBeCloseTo(-Math.log((2 + small) / 3), 15);
    expect(-Math.log((2 + small) / 3) - -Math.log(2 / 3)).toBeLessThan(-1e-8);
  });

  it("counts what all take for impossible as the least that float32 holds", () => {
    const wrong = { classes, indices: Uint32Array.of(0), probabilities: Float32Array.of(0, 1) };
    expect(ensemble([wrong, wrong], { classes, labels: [0] }).loss).toBeCloseTo(149 * Math.log(2), 10);
  });

  it("matches classes in another order by their names", () => {
    const turned = {
      ...two,
      classes: ["dog", "cat"],
      probabilities: Float32Array.of(0.75, 0.25, 0.75, 0.25, 0.5, 0.5),
    };
    expect(ensemble([one, turned], set)).toEqual(ensemble([one, two], set));
    expect(ensemble([turned, one], set)).toEqual(ensemble([one, two], set));
    // Without a set in the order of the first.
    expect([...meanPredictions([turned, one]).probabilities]).toEqual([0.5, 0.5, 0.625, 0.375, 0.25, 0.75]);
    expect(meanPredictions([turned, one], classes)).toEqual(meanPredictions([one, two]));
  });

  it("of one network is its evaluation, and of several what a report is made of", async () => {
    const images = twoColors(30, "ensemble");
    const large = new Loader(images, {
      batchSize: 7,
      workers: 0,
      transforms: parsePipeline([
        { name: "resize", size: [12, 12] },
        { name: "normalize", mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2] },
      ]),
    });
    const loaders = [loaderOf(images), large];
    const networks = [1, 2].map((seed) => new TinyNet().materialize(device(), seed));
    const members: EnsembleMember[] = [];
    for (const [i, loader] of loaders.entries()) {
      members.push({ ...(await predict(networks[i] as TinyNet, loader)), classes: images.classes });
    }
    const whole = ensemble(members, images);
    const [a = 0, b = 0] = members.map(({ probabilities }) => probabilities[5]);
    expect(a).not.toBe(b);
    expect(whole.probabilities[5]).toBeCloseTo((a + b) / 2, 7);
    expect(classificationReport(whole.matrix, whole.probabilities, images.labels).total).toBe(30);

    const { loss, ...rest } = await evaluate(networks[0] as TinyNet, loaders[0] as Loader);
    const alone = ensemble(members.slice(0, 1), images);
    expect(alone).toMatchObject(rest);
    expect(alone.loss).toBeCloseTo(loss, 6);
  });

  it("refuses members of other classes or images, and weights that are none", () => {
    const refused = (...members: EnsembleMember[]) => expect(() => ensemble(members, set));
    refused().toThrow("an ensemble needs at least one member");
    refused(one, { ...two, classes: ["cat", "hen"] }).toThrow(
      "member 2 of the ensemble: its classes are not those of the others: it lacks dog and has hen besides",
    );
    refused(one, { classes: ["cat", "dog", "hen"], indices, probabilities: new Float32Array(9) }).toThrow(
      "it has hen besides",
    );
    refused(one, { ...two, indices: Uint32Array.of(0, 2, 3) }).toThrow(
      "it was given 3 images, the first 3; in place 1 it has image 2",
    );
    const fewer = { classes, indices: Uint32Array.of(0, 1), probabilities: new Float32Array(4) };
    refused(one, fewer).toThrow("it was given 2 images, the first 3");
    refused(fewer, one).toThrow("it was given 3 images, the first 2");
    refused(one, { ...two, probabilities: new Float32Array(5) }).toThrow(
      "3 images of 2 classes need 6 probabilities, not 5",
    );
    refused(one, { ...two, weight: -1 }).toThrow("member 2 of the ensemble: its weight is -1");
    refused(one, { ...two, weight: Number.NaN }).toThrow("its weight is NaN");
    refused({ ...one, weight: 0 }).toThrow("the weights of an ensemble are all 0");
    // An image without a label.
    expect(() => ensemble([one], { classes, labels: [0, 1] })).toThrow(ArgumentError);
  });
});
