import { type ActivationName, init } from "../nn/index.js";

/** The gain that fits an activation. PyTorch knows none for GELU, SiLU and their kin: they are close to ReLU and take its gain. */
const nonlinearities: Readonly<Record<ActivationName, init.Nonlinearity>> = {
  relu: "relu",
  relu6: "relu",
  leakyRelu: "leakyRelu",
  silu: "relu",
  gelu: "relu",
  sigmoid: "sigmoid",
  tanh: "tanh",
  hardsigmoid: "sigmoid",
  hardswish: "relu",
  identity: "linear",
};

/** Kaiming-normal first weights of the convolutions around an activation. */
export function kaimingFor(activation: ActivationName, mode: init.FanMode): init.Initializer {
  return init.kaimingNormal({ mode, nonlinearity: nonlinearities[activation] });
}
