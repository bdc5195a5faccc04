// Which network: the table of blocks of a BasicBlock ResNet (He et al. 2016), named as torchvision names them.
// Everything else about a network (taps, receptive fields, recording, required tensors) is derived from this table.

import { StreamscopeError } from '../error.ts';
import { closest } from './closest.ts';
import type { Weights } from './weights.ts';

export interface Block {
  /** stage and index within it, as in the study: "1.0" */
  name: string;
  /** torchvision's module: "layer1.0" */
  module: string;
  inChannels: number;
  channels: number;
  stride: number;
  /** whether the bypass is a strided 1x1 convolution instead of the identity */
  downsample: boolean;
}

export interface Network {
  name: string;
  /** channels after the stem */
  width: number;
  blocks: readonly Block[];
  classes: number;
}

const BLOCKS_PER_STAGE: Record<string, readonly number[]> = {
  resnet18: [2, 2, 2, 2],
  resnet34: [3, 4, 6, 3],
};

/** The table of a network. Widths double from stage to stage, as does the stride from the second stage on. */
export function makeNetwork(name: string, width = 64, classes = 1000): Network {
  const stages = BLOCKS_PER_STAGE[name];
  if (!stages) {
    const hint = closest(name, Object.keys(BLOCKS_PER_STAGE));
    throw new StreamscopeError('usage', `There is no network called ${name}.`, hint);
  }
  const blocks: Block[] = [];
  let inChannels = width;
  stages.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const channels = width * 2 ** stage;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const [block, downsample] = [`${stage + 1}.${i}`, stride !== 1 || inChannels !== channels];
      blocks.push({ name: block, module: `layer${block}`, inChannels, channels, stride, downsample });
      inChannels = channels;
    }
  });
  return { name, width, blocks, classes };
}

/** Recognises the network that a weights file holds, also when parts are missing. */
export function networkOf(weights: Weights, fileName: string): Network {
  const stem = weights.get('conv1.weight');
  if (!stem) {
    throw new StreamscopeError(
      'badInput',
      `${fileName}: conv1.weight is missing, so this is not a ResNet of torchvision's layout.`,
      `It holds ${[...weights.keys()].slice(0, 4).join(', ') || 'no tensors'}. See weights/README.md.`,
    );
  }
  const isResnet34 = [...weights.keys()].some((key) => /^layer(1\.2|2\.[23]|3\.[2-5]|4\.2)\./.test(key));
  const bottleneck = [...weights.keys()].find((key) => /^layer\d\.\d+\.conv3\./.test(key));
  if (bottleneck) {
    throw new StreamscopeError(
      'badInput',
      `${fileName}: ${bottleneck} belongs to a ResNet with bottleneck blocks, expected BasicBlocks.`,
      'ResNet18 and ResNet34 are supported.',
    );
  }
  return makeNetwork(isResnet34 ? 'resnet34' : 'resnet18', stem.shape[0], weights.get('fc.weight')?.shape[0]);
}
