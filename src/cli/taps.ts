// streamscope taps: every tap with its shape, centre unit and receptive field.

import { makeNetwork } from '../model/network.ts';
import { centreOf, framesOf, layoutOf, sizeOf } from '../model/receptiveField.ts';
import { tapsOf } from '../model/taps.ts';
import { studyJitter } from '../visualization/jitter.ts';
import { openWeights, serves } from './model.ts';

export interface TapsOptions {
  weights?: string;
  network: string;
  size: number;
  json?: boolean;
}

export async function taps({ weights: path, network: name, size, json }: TapsOptions): Promise<void> {
  const opened = path ? await openWeights(path) : undefined;
  const network = opened?.network ?? makeNetwork(name);
  const frames = framesOf(network, size);
  const rows = tapsOf(network).map((tap) => {
    const frame = frames.get(tap.place)!;
    const field = layoutOf(network, size, [{ place: tap.place, region: 'centre' }]).windows.get('input')!;
    return {
      tap: tap.name,
      place: tap.place,
      module: tap.module,
      shape: [tap.channels, frame, frame],
      centre: centreOf(frame).start,
      receptiveField: sizeOf(field),
      pixels: [field.start, field.end - 1],
      jitter: studyJitter(tap),
      ...(opened && { served: serves(opened, tap.place) }),
    };
  });
  if (json) {
    console.log(JSON.stringify({ network: network.name, size, taps: rows }));
    return;
  }
  console.log(
    `${network.name} on ${size}x${size} pixels. I: what bypasses the block, B: what it adds, O: the sum before its ReLU.`,
  );
  console.log('tap    same as  shape          centre  field  pixels    jitter  torchvision module');
  for (const { tap, place, module, shape, centre, receptiveField, pixels, jitter, served } of rows) {
    const columns = [
      tap.padEnd(6),
      (place === tap ? '' : place).padEnd(8),
      shape.join('x').padEnd(14),
      String(centre).padEnd(7),
      String(receptiveField).padEnd(6),
      pixels.join('-').padEnd(9),
      String(jitter).padEnd(7),
      module.padEnd(22),
      served === false ? 'not in this file' : '',
    ];
    console.log(columns.join(' ').trimEnd());
  }
}
