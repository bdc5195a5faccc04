// A ResNet of BasicBlocks, recorded on a tape: only the windows a layout asks for, only up to the deepest place.
//
//   block input X (before its ReLU):   t = bn1(conv1 relu(X))     B = bn2(conv2 relu(t))
//   I = relu(X), or bn(conv1x1 relu(X))                           O = I + B, which is the next block's X
//
// The max pool's output is the first block's input and has its ReLU already. An edit replaces what a place holds
// before anything downstream reads it (ablation, say).

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { globalAveragePool } from '../kernels/globalAveragePool.ts';
import { linear } from '../kernels/linear.ts';
import { isPacked } from '../kernels/pack.ts';
import { layersFor } from './layers.ts';
import type { Block } from './network.ts';
import type { Parameters } from './parameters.ts';
import { convolutions, type Filter, type Layout, POOL, paddingBetween, STEM } from './receptiveField.ts';

export interface ResnetOptions {
  /** by place: what it holds instead; called while recording */
  edits?: ReadonlyMap<string, (tape: Tape, tensor: Tensor) => Tensor>;
  /** whether to go on to the classifier, which needs 4.1.O whole */
  head?: boolean;
  /** the plain kernels, also where faster ones would run */
  plain?: boolean;
}

/**
 * Records the network on `x`, the window "input" of the layout [N,3,rows,rows], normalised; on SIMD adapters it may be
 * packed (pack.ts).
 * Returns the tensors of places [N,C,rows,rows], the layout's targets among them, and "logits" [N,classes] with `head`.
 */
export function recordResnet(
  tape: Tape,
  layout: Layout,
  parameters: Parameters,
  x: Tensor,
  { edits = new Map(), head = false, plain = false }: ResnetOptions = {},
): Map<string, Tensor> {
  const { network, windows, targets } = layout;
  const layers = layersFor(tape, parameters, plain);
  /** what places hold, as the layers have it and as the caller sees it */
  const inside = new Map<string, Tensor>();
  const places = new Map([['input', x]]);
  const put = (place: string, channels: number, tensor: Tensor): Tensor => {
    inside.set(place, tensor);
    const edit = edits.get(place);
    if (edit || targets.has(place)) places.set(place, layers.leave(tensor, channels));
    if (edit) {
      places.set(place, edit(tape, places.get(place)!));
      inside.set(place, layers.enter(places.get(place)!));
    }
    return inside.get(place)!;
  };
  const pad = (from: string, to: string, filter: Filter) => {
    const [before, after] = paddingBetween(windows.get(from)!, windows.get(to)!, filter);
    return [before, before, after, after] as const;
  };
  /** what turns the window at one place into the window at another */
  const between = (from: string, to: string, filter: Filter, conv: string, bn: string, rectify: boolean) => {
    return { conv, bn, rectify, size: filter.size, stride: filter.stride, pad: pad(from, to, filter) };
  };
  const record = (block: Block, stream: Tensor, input: string): void => {
    const { name, module, downsample, channels } = block;
    const filters = convolutions(block);
    const rectify = input !== 'maxpool';
    const offsetIn = (place: string) => windows.get(`${name}.O`)!.start - windows.get(place)!.start;
    if (windows.has(`${name}.I`)) {
      const path = `${module}.downsample`;
      const convolution = between(input, `${name}.I`, filters.bypass, `${path}.0`, `${path}.1`, rectify);
      put(`${name}.I`, channels, layers.convolve(stream, convolution));
    }
    if (!windows.has(`${name}.B`)) return;
    const conv1 = between(input, `${name}.conv1`, filters.conv1, `${module}.conv1`, `${module}.bn1`, rectify);
    const conv2 = between(
      `${name}.conv1`,
      `${name}.B`,
      filters.conv2,
      `${module}.conv2`,
      `${module}.bn2`,
      true,
    );
    const t = layers.convolve(stream, conv1);
    const sums = windows.has(`${name}.O`);
    const bypass = () =>
      downsample
        ? { tensor: inside.get(`${name}.I`)!, offset: offsetIn(`${name}.I`), rectify: false }
        : { tensor: stream, offset: offsetIn(input), rectify };
    // B is computed for itself only where somebody wants it
    if (!sums || targets.has(`${name}.B`) || edits.has(`${name}.B`)) {
      const b = put(`${name}.B`, channels, layers.convolve(t, conv2));
      if (sums) put(`${name}.O`, channels, layers.add(b, bypass()));
    } else put(`${name}.O`, channels, layers.convolveAndAdd(t, conv2, bypass()));
  };

  const stem = layers.convolve(
    isPacked(x) ? x : layers.enter(x),
    between('input', 'conv1', STEM, 'conv1', 'bn1', false),
  );
  const pooling = { size: POOL.size, stride: POOL.stride, pad: pad('conv1', 'maxpool', POOL) };
  put('maxpool', network.width, layers.pool(stem, pooling));
  let input = 'maxpool';
  for (const block of network.blocks) {
    if (!windows.has(`${block.name}.B`) && !windows.has(`${block.name}.I`)) break;
    record(block, inside.get(input)!, input);
    input = `${block.name}.O`;
  }
  if (head) {
    const last = layers.leave(layers.rectify(inside.get(input)!), network.blocks.at(-1)!.channels);
    const pooled = tape.apply(globalAveragePool, { x: last });
    const classifier = { w: parameters.get('fc.weight'), b: parameters.get('fc.bias') };
    places.set('logits', tape.apply(linear, { x: pooled, ...classifier }));
  }
  return places;
}
