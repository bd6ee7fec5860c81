import { FoveaError } from "../errors.js";
import { device, engineInfo } from "../tensor/torch/index.js";

/**
 * The device of a name, which this machine has for certain: to be asked before anything is read, made or written.
 *
 * @param name `cpu`, or a GPU as `cuda:0`
 * @throws FoveaError with the code DEVICE that lists the devices there are
 */
export function requireDevice(name: string): ReturnType<typeof device> {
  const { devices, reason } = engineInfo().cuda;
  if (name === "cpu" || devices.includes(name)) return device(name);
  const others = devices.length > 0 ? `has ${["cpu", ...devices].join(", ")}` : `has only cpu: ${reason}`;
  throw new FoveaError("DEVICE", `There is no device "${name}". This machine ${others}.`, {
    hint: "`fovea doctor` shows what was found.",
  });
}
