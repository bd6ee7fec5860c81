import type { Size2 } from "../tensor/index.js";
import { type ActivationName, activation } from "./activation.js";
import { Sequential } from "./container.js";
import { Conv2d, type Padding } from "./conv.js";
import type { Initializer } from "./init.js";
import type { Module } from "./module.js";
import { BatchNorm2d } from "./norm.js";

/** Makes a normalisation layer for so many channels. */
export type NormFactory = (channels: number) => Module;

export interface ConvNormActOptions {
  kernel?: Size2;
  stride?: Size2;
  /** Default `same`. */
  padding?: Padding;
  dilation?: Size2;
  groups?: number;
  /** Default batch norm. */
  norm?: NormFactory;
  /** Default ReLU; null for none. */
  activation?: ActivationName | null;
  init?: Initializer;
}

/** Convolution without bias, normalisation, activation: children 0, 1 and 2, as in torchvision. */
export class ConvNormAct extends Sequential {
  constructor(inChannels: number, outChannels: number, options: ConvNormActOptions = {}) {
    const {
      kernel = 3,
      padding = "same",
      norm = (channels) => new BatchNorm2d(channels),
      activation: name = "relu",
    } = options;
    const { stride, dilation, groups, init } = options;
    super(
      new Conv2d(inChannels, outChannels, kernel, { stride, padding, dilation, groups, bias: false, init }),
      norm(outChannels),
      ...(name === null ? [] : [activation(name)]),
    );
  }
}
