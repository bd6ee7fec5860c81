import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGolden } from "../../../test/support/files.js";
import { ArgumentError } from "../../errors.js";
import { parsePipeline, pipelineSchema, TRANSFORM_NAMES, type TransformInput } from "./schema.js";

const normalize: TransformInput = { name: "normalize", mean: [0.5, 0.5, 0.5], std: [1, 1, 1] };

describe("parsePipeline", () => {
  it("sets torchvision's defaults", () => {
    const { defaults } = readGolden<{ defaults: Record<string, Record<string, unknown>> }>("augmentation");
    const required: Record<string, object> = {
      resize: { size: 8 },
      pad: { padding: 1 },
      randomCrop: { size: 8 },
      randomResizedCrop: { size: 8 },
      randomRotation: { degrees: 5 },
      gaussianBlur: { kernelSize: 3 },
    };
    // What Pillow has no choice in, what only tensors have, and what Fovea leaves out.
    const absent = ["max_size", "antialias", "pad_if_needed", "expand", "center", "inplace"];
    const renamed: Record<string, string> = { padding_mode: "mode", num_magnitude_bins: "magnitudeBins" };
    for (const [python, properties] of Object.entries(defaults)) {
      const name = python.charAt(0).toLowerCase() + python.slice(1);
      const written = [...(name === "randomErasing" ? [normalize] : []), { name, ...required[name] }];
      const ours: Record<string, unknown> = { ...parsePipeline(written).at(-1) };
      for (const [property, value] of Object.entries(properties)) {
        if (absent.includes(property)) continue;
        const camel = renamed[property] ?? property.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
        expect([name, camel, ours[camel] ?? 0]).toEqual([name, camel, value ?? 0]);
      }
    }
  });

  it("gives what it would take again", () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: 16384 }),
      fc.tuple(fc.integer({ min: 1, max: 99 }), fc.constant(7)),
    );
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const transform: fc.Arbitrary<TransformInput> = fc.oneof(
      fc.record({ name: fc.constant("randomCrop" as const), size, padding: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ name: fc.constant("randomHorizontalFlip" as const), p: share }),
      fc.record({ name: fc.constant("colorJitter" as const), brightness: share, hue: fc.constant(0.5) }),
      fc.record({ name: fc.constant("augMix" as const), severity: fc.integer({ min: 1, max: 10 }) }),
      fc.constant({ name: "randomQuarterTurn" as const }),
    );
    fc.assert(
      fc.property(fc.array(transform), (written) => {
        const parsed = parsePipeline([...written, normalize]);
        expect(parsed).toMatchObject([...written, normalize]);
        expect(parsePipeline(parsed)).toEqual(parsed);
        expect(parsePipeline(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
      }),
    );
  });

  it.each<[unknown, string]>([
    [{ name: "resize" }, "the transforms: must be a list of transforms"],
    [["resize"], "transform 1: must be an object with the name of a transform"],
    [[{ name: "randomcrop", size: 3 }], 'transform 1: there is no transform "randomcrop"; did you mean randomCrop?'],
    [[{ name: "RandAugmnet" }], 'transform 1: there is no transform "RandAugmnet"; did you mean randAugment?'],
    [[{ name: "mosaic" }], `transform 1: there is no transform "mosaic"; there are ${TRANSFORM_NAMES.join(", ")}`],
    [
      [{ name: "grayscale" }, { name: "randomCrop", size: 32, paddin: 4 }],
      'transform 2 (randomCrop): has no property "paddin"; did you mean padding?',
    ],
    [[{ name: "grayscale", p: 1 }], 'transform 1 (grayscale): has no property "p"; it takes none'],
    [
      [{ name: "centerCrop" }],
      "transform 1 (centerCrop): size must be a whole number from 1 to 16384, or [height, width]",
    ],
    [[{ name: "centerCrop", size: 0 }], "transform 1 (centerCrop): size must be a whole number from 1 to 16384"],
    [[{ name: "centerCrop", size: 2.5 }], "transform 1 (centerCrop): size must be a whole number from 1 to 16384"],
    [[{ name: "centerCrop", size: [3, 16385] }], "(centerCrop): size.1 must be a whole number from 1 to 16384"],
    [[{ name: "randomHorizontalFlip", p: 1.5 }], "(randomHorizontalFlip): p must be a number from 0 to 1"],
    [[{ name: "randomHorizontalFlip", p: Number.NaN }], "(randomHorizontalFlip): p must be a number from 0 to 1"],
    [[{ name: "randomResizedCrop", size: 8, scale: [0.5, 0.1] }], "scale must be two numbers, [least, greatest]"],
    [[{ name: "randomResizedCrop", size: 8, scale: [0, 1] }], "scale.0 must be a number above 0"],
    [[{ name: "colorJitter", hue: 0.6 }], "(colorJitter): hue must be a number from 0 to 0.5"],
    [[{ name: "colorJitter", brightness: [1, 0.5] }], "(colorJitter): brightness must be two numbers"],
    [[{ name: "gaussianBlur", kernelSize: 4 }], "(gaussianBlur): kernelSize must be odd"],
    [[{ name: "pad", padding: 1, mode: "wrap" }], "(pad): mode must be constant, edge, reflect or symmetric"],
    [[{ name: "pad", padding: 1, fill: 256 }], "(pad): fill must be a whole number from 0 to 255"],
    [[{ name: "randAugment", magnitude: 31 }], "(randAugment): magnitude must be a whole number from 0 to 30"],
    [[{ name: "randAugment", magnitude: 6.5 }], "(randAugment): magnitude must be a whole number from 0 to 30"],
    [[{ name: "randAugment", ops: "efficientnetv2", magnitude: 31 }], "magnitude must be at most 30"],
    [[{ name: "augMix", chainDepth: 0 }], "(augMix): chainDepth must be a whole number from 1 to 32, or -1"],
    [[{ ...normalize, std: [1, 0, 1] }], "(normalize): std.1 must be a number from"],
    [[normalize, normalize], "transform 2 (normalize): stands twice"],
    [
      [normalize, { name: "grayscale" }],
      "transform 2 (grayscale): changes 8-bit pixels, and must come before normalize",
    ],
    [[{ name: "randomErasing" }, normalize], "transform 1 (randomErasing): erases normalised pixels"],
    [[{ name: "randomErasing" }], "transform 1 (randomErasing): erases normalised pixels"],
  ])("says of %j what is wrong where", (written, message) => {
    expect(() => parsePipeline(written)).toThrow(ArgumentError);
    expect(() => parsePipeline(written)).toThrow(message);
  });

  it("lets fractions through where levels are", () => {
    const written = [{ name: "randAugment", ops: "efficientnetv2", magnitude: 6.5 }];
    expect(parsePipeline(written)).toMatchObject(written);
    expect(
      parsePipeline([normalize, { name: "randomErasing", value: "random" }, { name: "randomErasing" }]),
    ).toHaveLength(3);
  });
});

it("pipelineSchema checks the order too, as a part of a larger schema", () => {
  expect(pipelineSchema.safeParse([normalize, { name: "grayscale" }]).success).toBe(false);
  expect(pipelineSchema.safeParse([{ name: "grayscale" }, normalize]).success).toBe(true);
});
