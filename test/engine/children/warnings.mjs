// What libtorch warns of, and with how many threads it runs.
import { ones, operator, threads } from "../../../dist/tensor/torch/index.js";

const warnings = [];
process.on("warning", (warning) => warnings.push({ name: warning.name, message: warning.message }));
const x = ones([2]);
x.requiresGrad = true;
const y = x.mul(2);
// asking for the gradient of what is no leaf
for (let i = 0; i < 3; i++) y.grad;
// writing a result over a tensor of another shape
for (let i = 0; i < 3; i++) operator("aten::add.out")(ones([2]).id, ones([2]).id, 1, ones([3]).id);
setImmediate(() => console.log(JSON.stringify({ warnings, threads: threads() })));
