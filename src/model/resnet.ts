// A ResNet of BasicBlocks, recorded on a tape: only the windows a layout asks for, only up to the deepest place.
//
//   block input X (after ReLU):   t = relu(bn1(conv1 X))     B = bn2(conv2 t)     I = X, or bn(conv1x1 X)
//   O = I + B                     next block's X = relu(O)
//
// An edit replaces what a place holds before anything downstream reads it (ablation, say).

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { add } from '../kernels/add.ts';
import { batchNorm } from '../kernels/batchNorm.ts';
import { conv2d } from '../kernels/conv2d.ts';
import { globalAveragePool } from '../kernels/globalAveragePool.ts';
import { linear } from '../kernels/linear.ts';
import { maxPool } from '../kernels/maxPool.ts';
import { relu } from '../kernels/relu.ts';
import type { Block } from './network.ts';
import type { Parameters } from './parameters.ts';
import { convolutions, type Filter, type Layout, POOL, paddingBetween, STEM } from './receptiveField.ts';

const BATCH_NORM = { eps: 1e-5 };

export interface ResnetOptions {
  /** by place: what it holds instead; called while recording */
  edits?: ReadonlyMap<string, (tape: Tape, tensor: Tensor) => Tensor>;
  /** whether to go on to the classifier, which needs 4.1.O whole */
  head?: boolean;
}

/**
 * Records the network on `x`, the window "input" of the layout [N,3,rows,rows], normalised.
 * Returns the tensors of all recorded places [N,C,rows,rows] and "logits" [N,classes] with `head`.
 */
export function recordResnet(
  tape: Tape,
  layout: Layout,
  parameters: Parameters,
  x: Tensor,
  { edits = new Map(), head = false }: ResnetOptions = {},
): Map<string, Tensor> {
  const { network, windows } = layout;
  const places = new Map([['input', x]]);
  const put = (place: string, tensor: Tensor): Tensor => {
    const edited = edits.get(place)?.(tape, tensor) ?? tensor;
    places.set(place, edited);
    return edited;
  };
  const pad = (from: string, to: string, filter: Filter) => {
    const [before, after] = paddingBetween(windows.get(from)!, windows.get(to)!, filter);
    return [before, before, after, after] as const;
  };
  /** conv and bn from one place to another, where the layout wants it */
  const convolve = (
    x: Tensor,
    from: string,
    to: string,
    filter: Filter,
    conv: string,
    bn: string,
  ): Tensor => {
    const y = tape.apply(
      conv2d,
      { x, w: parameters.get(`${conv}.weight`) },
      { stride: filter.stride, pad: pad(from, to, filter) },
    );
    return tape.apply(batchNorm, { x: y, ...parameters.batchNorm(bn) }, BATCH_NORM);
  };
  const record = (block: Block, stream: Tensor, input: string): void => {
    const { name, module } = block;
    const filters = convolutions(block);
    let bypass = stream;
    if (windows.has(`${name}.I`)) {
      const path = `${module}.downsample`;
      bypass = put(
        `${name}.I`,
        convolve(stream, input, `${name}.I`, filters.bypass, `${path}.0`, `${path}.1`),
      );
    }
    if (!windows.has(`${name}.B`)) return;
    const inner = convolve(stream, input, `${name}.conv1`, filters.conv1, `${module}.conv1`, `${module}.bn1`);
    const t = tape.apply(relu, { x: inner });
    const b = put(
      `${name}.B`,
      convolve(t, `${name}.conv1`, `${name}.B`, filters.conv2, `${module}.conv2`, `${module}.bn2`),
    );
    const sum = windows.get(`${name}.O`);
    if (!sum) return;
    const offset = sum.start - windows.get(block.downsample ? `${name}.I` : input)!.start;
    put(`${name}.O`, tape.apply(add, { a: bypass, b }, { offset: [offset, offset] }));
  };

  const stem = tape.apply(relu, { x: convolve(x, 'input', 'conv1', STEM, 'conv1', 'bn1') });
  const pooling = { size: POOL.size, stride: POOL.stride, pad: pad('conv1', 'maxpool', POOL) };
  let stream = put('maxpool', tape.apply(maxPool, { x: stem }, pooling));
  let input = 'maxpool';
  for (const block of network.blocks) {
    if (!windows.has(`${block.name}.B`) && !windows.has(`${block.name}.I`)) break;
    if (input !== 'maxpool') stream = tape.apply(relu, { x: places.get(input)! });
    record(block, stream, input);
    input = `${block.name}.O`;
  }
  if (head) {
    const pooled = tape.apply(globalAveragePool, { x: tape.apply(relu, { x: places.get(input)! }) });
    put(
      'logits',
      tape.apply(linear, { x: pooled, w: parameters.get('fc.weight'), b: parameters.get('fc.bias') }),
    );
  }
  return places;
}
