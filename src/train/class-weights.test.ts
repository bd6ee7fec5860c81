import { expect, it } from "vitest";
import { balancedClassWeights } from "./class-weights.js";

it("agrees with scikit-learn", () => {
  // compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 1257 + [1] * 1837 + [2] * 1875) of scikit-learn 1.9.1, which is
  // n_samples / (n_classes * np.bincount(y))
  const wanted = [1.3176876160169717, 0.9016512429686082, 0.8833777777777778];
  const weights = balancedClassWeights([1257, 1837, 1875]);
  for (const [i, weight] of weights.entries()) expect(weight).toBeCloseTo(wanted[i] ?? 0, 14);
});

it("is 1 where all classes are equally large, and 0 for a class that has no samples", () => {
  expect(balancedClassWeights([7, 7])).toEqual([1, 1]);
  expect(balancedClassWeights([4, 0])).toEqual([0.5, 0]);
});
