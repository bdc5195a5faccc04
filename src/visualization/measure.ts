// What a place of the network answers to images: the value of the objective, measured on the untransformed image.

import type { Gpu } from '../engine/device.ts';
import { Plan, submit } from '../engine/plan.ts';
import { Tape } from '../engine/tape.ts';
import { createTensor, destroy, read } from '../engine/tensor.ts';
import { normalize } from '../kernels/normalize.ts';
import { objective } from '../kernels/objective.ts';
import type { Network } from '../model/network.ts';
import type { Parameters } from '../model/parameters.ts';
import { centreOf, framesOf, layoutOf, sizeOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import type { ObjectiveKind } from './ascend.ts';

/** The rows and columns `start` to `end` of an image [3,size,size]. */
function cropImage(image: ArrayLike<number>, size: number, start: number, end: number): number[] {
  const values: number[] = [];
  for (let c = 0; c < 3; c++)
    for (let y = start; y < end; y++)
      for (let x = start; x < end; x++) values.push(image[(c * size + y) * size + x]);
  return values;
}

/** The objective of channel channels[n] at `place` for image n, [3,size,size] in 0..1, without any transform. */
export async function measureObjective(
  { gpu, network, parameters }: { gpu: Gpu; network: Network; parameters: Parameters },
  place: string,
  kind: ObjectiveKind,
  size: number,
  samples: readonly { image: ArrayLike<number>; channel: number }[],
): Promise<Float32Array> {
  const layout = layoutOf(network, size, [{ place, region: kind === 'center' ? 'centre' : 'all' }]);
  const { start, end } = layout.windows.get('input')!;
  const pixels = samples.flatMap(({ image }) => cropImage(image, size, start, end));
  const shape = [samples.length, 3, end - start, end - start];
  const x = createTensor(gpu, 'images', shape, { data: pixels });
  const channels = createTensor(gpu, 'channels', [samples.length], {
    type: 'u32',
    data: samples.map(({ channel }) => channel),
  });
  const tape = new Tape();
  const places = recordResnet(tape, layout, parameters, tape.apply(normalize, { x }));
  const window = layout.windows.get(place)!;
  const first = kind === 'center' ? centreOf(framesOf(network, size).get(place)!).start - window.start : 0;
  const rows = kind === 'center' ? 1 : sizeOf(window);
  const y = tape.keep(
    tape.apply(objective, { x: places.get(place)!, channels }, { region: [first, first, rows, rows] }),
  );
  const plan = await Plan.compile(gpu, tape);
  try {
    submit(gpu, [plan]);
    return await read(gpu, y);
  } finally {
    plan.destroy();
    destroy(gpu, x, channels);
  }
}
