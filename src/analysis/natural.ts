// The same responses to photographs: of every channel the images that excite I and B most. What I, B and O answer to
// them is known from collecting; only their transformed versions are measured here, each photograph once for all
// channels, however many channels it excites.

import type { Block } from '../model/network.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import { flip, magnify, shrink, type TensorTransform, transformTensor } from '../model/tensorTransforms.ts';
import { CentreMeter, cropPixels, type MeasureContext } from '../visualization/measure.ts';
import { batches } from './collect.ts';
import type { InvarianceResponses, NaturalMeasurements, Role } from './measurements.ts';
import { placesOf, type ResponseOptions, requireFinite } from './responses.ts';

/** What was collected of a block, and the photographs. */
export interface CollectedBlock {
  /** how many photographs there are */
  images: number;
  /** [images, channels] each */
  activations: Record<Role, Float32Array>;
  /** by channel, the strongest images, as many for every channel */
  top: Record<'I' | 'B', readonly (readonly number[])[]>;
  /** 224 x 224 pixels of 8 bits, (224,224,3) */
  image: (index: number) => Promise<Uint8Array>;
}

const BATCH = 32;

/** One invariance test: what `role` answers to the transformed top images of `stimulus`. */
interface Test {
  stimulus: 'I' | 'B';
  role: 'I' | 'B';
  transform: TensorTransform;
}

const TESTS: Record<'scale' | 'flip', Record<keyof InvarianceResponses, Test>> = {
  scale: {
    blockOnInput: { stimulus: 'I', role: 'B', transform: magnify(INPUT_SIZE) },
    inputOnBlock: { stimulus: 'B', role: 'I', transform: shrink(INPUT_SIZE) },
  },
  flip: {
    blockOnInput: { stimulus: 'I', role: 'B', transform: flip(INPUT_SIZE) },
    inputOnBlock: { stimulus: 'B', role: 'I', transform: flip(INPUT_SIZE) },
  },
};

/** The natural stimuli of a block. An aborted signal is thrown. */
export async function measureNatural(
  context: MeasureContext,
  block: Block,
  collected: CollectedBlock,
  options: ResponseOptions = {},
): Promise<NaturalMeasurements> {
  const { images, activations, top } = collected;
  const { channels } = block;
  const imagesPerChannel = top.I[0].length;
  const known = (role: Role, stimulus: 'I' | 'B') =>
    Float64Array.from(
      top[stimulus].flatMap((list, c) => list.map((i) => activations[role][i * channels + c])),
    );
  const table = (role: Role) => ({ I: known(role, 'I'), B: known(role, 'B') });
  const answers = await measureTests(context, block, collected, options);
  const gather = (test: Test) => {
    const rows = answers.get(test)!;
    return Float64Array.from(
      top[test.stimulus].flatMap((list, c) =>
        list.map((i) => requireFinite(rows.get(i)![c], `${block.name}.${test.role}:${c}`)),
      ),
    );
  };
  const pair = ({ blockOnInput, inputOnBlock }: (typeof TESTS)['scale']) => ({
    blockOnInput: gather(blockOnInput),
    inputOnBlock: gather(inputOnBlock),
  });
  return {
    imagesPerChannel,
    images,
    activations,
    responses: { I: table('I'), B: table('B'), O: table('O') },
    invariance: { scale: pair(TESTS.scale), flip: pair(TESTS.flip) },
  };
}

/** By test and image, the answers of all channels. */
async function measureTests(
  context: MeasureContext,
  block: Block,
  { top, image }: CollectedBlock,
  { batch = BATCH, onProgress, signal }: ResponseOptions,
): Promise<Map<Test, Map<number, Float32Array>>> {
  const tests = Object.values(TESTS).flatMap((pair) => Object.values(pair));
  const answers = new Map(tests.map((test) => [test, new Map<number, Float32Array>()]));
  const wanted = { I: new Set(top.I.flat()), B: new Set(top.B.flat()) };
  const distinct = [...new Set([...wanted.I, ...wanted.B])].sort((a, b) => a - b);
  const places = placesOf(context.network, block);
  const meter = await CentreMeter.create(context, [places.I, places.B], { size: INPUT_SIZE, batch });
  const all = { start: 0, end: INPUT_SIZE };
  async function* views() {
    for (const [done, index] of distinct.entries()) {
      signal?.throwIfAborted();
      const floats = cropPixels(await image(index), INPUT_SIZE, all);
      for (const test of tests.filter(({ stimulus }) => wanted[stimulus].has(index)))
        yield { test, index, view: transformTensor(floats, INPUT_SIZE, test.transform, meter.window) };
      onProgress?.(done + 1, distinct.length);
    }
  }
  try {
    for await (const group of batches(views(), meter.batch)) {
      const measured = await meter.measure(group.map(({ view }) => view));
      group.forEach(({ test, index }, n) => {
        const rows = measured.get(places[test.role])!;
        answers.get(test)!.set(index, rows.slice(n * block.channels, (n + 1) * block.channels));
      });
    }
  } finally {
    meter.destroy();
  }
  return answers;
}
