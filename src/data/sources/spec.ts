import { z } from "zod";

/** @param held the share that is held out where no other is asked for */
const divided = (held: number) => ({
  /** Held out of each class for validation, where the source has no validation images of its own. */
  validationFraction: z.number().gt(0).lt(1).default(held),
  /** Decides which images are held out. */
  splitSeed: z.int().default(0),
});

const files = {
  ...divided(0.2),
  path: z.string().min(1),
  /** A regular expression that takes from a file's name what must not be divided, such as the patient. */
  groupBy: z.string().min(1).optional(),
  onUnreadable: z.enum(["stop", "skip"]).default("stop"),
};

/** Where the official files are; absent: in the cache, downloaded if need be. */
const path = z.string().min(1).optional();

/** Which images a run is about, as a recipe says it. */
export const dataSpecSchema = z.discriminatedUnion("source", [
  z.strictObject({
    source: z.literal("synthetic"),
    /** Numbers of images. */
    train: z.int().min(1),
    validation: z.int().min(1),
    /** Pixels of a side. */
    size: z.int().min(8).max(1024),
    seed: z.int(),
  }),
  z.strictObject({ source: z.literal("folder"), ...files }),
  z.strictObject({ source: z.literal("csv"), ...files }),
  z.strictObject({ source: z.literal("cifar10"), path, ...divided(0.1) }),
  z.strictObject({
    source: z.literal("cifar100"),
    path,
    labels: z.enum(["fine", "coarse"]).default("fine"),
    ...divided(0.1),
  }),
  z.strictObject({ source: z.literal("mnist"), path, ...divided(0.1) }),
  z.strictObject({ source: z.literal("fashion_mnist"), path, ...divided(0.1) }),
]);

/** See {@link dataSpecSchema}. */
export type DataSpec = z.infer<typeof dataSpecSchema>;
