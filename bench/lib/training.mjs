/** Fovea's side of training-step.mjs and scaling.mjs: a step of training of one network in one memory format. */
import { serve, warmUp } from "./serve.mjs";

const learning = { learningRate: 0.01, momentum: 0.9 };

/** What measureTraining reads from the command line. */
export const measuredOptions = {
  format: { type: "string" },
  batch: { type: "string" },
  size: { type: "string" },
  classes: { type: "string" },
};

/** Serves milliseconds of a step: forward, cross-entropy, backward, SGD with momentum. */
export async function measureTraining({ network: name, format, batch, size, classes, budget, threads }) {
  const torch = await import("fovea/torch");
  const { SGD } = await import("fovea/optim");
  torch.setThreads(threads);
  const network = await create(name);
  network.loadStateDict(inFormat((await create(name)).materialize(torch.device(), 1), format));
  const optimizer = new SGD(network.parameters(), learning);
  torch.manualSeed(1);
  const x = torch.randn([Number(batch), 3, Number(size), Number(size)]).contiguous(format);
  const labels = torch.tensor(BigInt64Array.from({ length: Number(batch) }, (_, i) => BigInt(i % Number(classes))));
  const step = () => {
    optimizer.zeroGrad();
    torch.scope(() => network.forward(x).crossEntropy(labels).backward());
    optimizer.step();
  };
  const milliseconds = 1000 * Number(budget);
  await warmUp(step, milliseconds);
  const { version, cpuCapability, threads: used } = torch.engineInfo();
  await serve({ version, capability: cpuCapability, threads: used }, step, milliseconds);
}

/** `cifar_resnet<depth>` is the tutorial's ResNet of 6 n + 2 layers, whether the registry has it or not. */
async function create(name) {
  const { CifarResNet, createModel } = await import("fovea/models");
  const depth = Number(/^cifar_resnet(\d+)$/.exec(name)?.[1]);
  return Number.isNaN(depth) ? createModel(name) : new CifarResNet({ blocks: Array(3).fill((depth - 2) / 6) });
}

/** Weights in the memory format: a module that has none yet takes them as they lie. */
function inFormat(network, format) {
  const entries = [...network.stateDict()].map(([name, value]) => {
    const weight = value.detach();
    return [name, weight.shape.length === 4 ? weight.contiguous(format) : weight];
  });
  return new Map(entries);
}
