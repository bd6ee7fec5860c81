import { type DType, type Shape, sameShape, type Tensor } from "../tensor/index.js";
import { TorchTensor, zeros } from "../tensor/torch/index.js";

/**
 * What old files of torchvision have otherwise than its networks: DenseNet's layers are called `norm.1`, GoogLeNet comes with
 * the heads of its training, batch norms do not count their batches, and some files hold half precision.
 *
 * @param shapes of the network that they are for, by name
 * @param device where the tensors are
 */
export function asPublishedToday(
  state: ReadonlyMap<string, TorchTensor>,
  shapes: ReadonlyMap<string, Shape>,
  device: string,
): Map<string, TorchTensor> {
  const renewed = new Map<string, TorchTensor>();
  for (const [old, value] of state) {
    const name = old.replace(/(\.denselayer\d+\.(?:norm|conv))\.([12]\.)/, "$1$2");
    if (/^aux[12]\./.test(name) && !shapes.has(name)) continue;
    renewed.set(name, narrow.includes(value.dtype) ? value.to({ dtype: "float32" }) : value);
  }
  for (const [name, shape] of shapes) {
    if (!renewed.has(name) && name.endsWith("num_batches_tracked")) {
      renewed.set(name, zeros(shape, { dtype: "int64", device }));
    }
  }
  return renewed;
}

const narrow: readonly DType[] = ["float16", "bfloat16", "float64"];

/**
 * The convolution of an image's red, green and blue as one of other channels, where that is what a network needs: for one
 * channel the sum of the three, otherwise the three repeated and scaled by 3 / channels, as timm does.
 *
 * @param weight `[O, 3, K, K]`
 * @param needed `[O, channels, K, K]`; with any other shape the weights stay what they are
 */
export function adaptChannels(weight: TorchTensor, needed: Shape): TorchTensor {
  const [out, colours, ...kernel] = weight.shape;
  const [, channels = 0] = needed;
  if (colours !== 3 || channels === 3 || !sameShape(needed, [out ?? 0, channels, ...kernel])) return weight;
  if (channels === 1) return TorchTensor.of(weight.sum([1], true));
  const more = Array.from({ length: Math.ceil(channels / 3) - 1 }, (): Tensor => weight);
  const repeated = weight.cat(more, 1).slice(1, 0, channels);
  return TorchTensor.of(repeated.mul(3 / channels));
}
