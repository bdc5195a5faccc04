// Goldens of a small random network, as `verify` reads them, from the float64 loops instead of PyTorch: whole maps of
// four places, and the gradients of two centre units by the network's input.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normals, PURPOSE } from '../../src/engine/random.ts';
import { zeros } from '../../src/kernels/reference.ts';
import { writeNpy } from '../../src/model/npy.ts';
import { layoutOf } from '../../src/model/receptiveField.ts';
import { referenceNetwork } from './referenceNetwork.ts';
import type { SyntheticModel } from './syntheticWeights.ts';

const SIZE = 64;
const MAPS = [
  ['maxpool', 'maxpool'],
  ['1.1.B', 'layer1.1.bn2'],
  ['1.1.O', 'layer1.1.prerelu'],
  ['2.0.O', 'layer2.0.prerelu'],
] as const;
const GRADIENTS = [
  ['1.1.O', 'layer1.1.prerelu'],
  ['2.0.B', 'layer2.0.bn2'],
] as const;
const CHANNEL = 3;

/** Writes the folder; returns how many rows `verify` makes of it. */
export function writeSmallGoldens(folder: string, { network, weights }: SyntheticModel): number {
  const manifest: Record<string, object> = {};
  mkdirSync(folder, { recursive: true });
  const write = (name: string, shape: number[], data: Float32Array | Float64Array, facts: object = {}) => {
    manifest[name] = { shape, ...facts };
    writeFileSync(join(folder, `${name}.npy`), writeNpy(shape, data));
  };
  const input = normals({ seed: 5, stream: 1, purpose: PURPOSE.test }, 3 * SIZE * SIZE, 1);
  const x = { shape: [1, 3, SIZE, SIZE], data: Float64Array.from(input) };
  write('c_small0_input', [3, SIZE, SIZE], input);
  for (const [place, module] of MAPS) {
    const layout = layoutOf(network, SIZE, [
      { place: 'input', region: 'all' },
      { place, region: 'all' },
    ]);
    const [{ shape, data }] = referenceNetwork(weights, layout, place, x);
    const pixels = shape[2] * shape[3];
    const plane = data.slice(CHANNEL * pixels, (CHANNEL + 1) * pixels);
    write(`c_full_small0_${module}_ch${CHANNEL}`, [shape[2], shape[3]], plane);
    write(`c_act_small0_${module}`, [4, shape[1]], statistics(data, shape[1], shape[2]));
  }
  for (const [place, module] of GRADIENTS) {
    const layout = layoutOf(network, SIZE, [
      { place: 'input', region: 'all' },
      { place, region: 'all' },
    ]);
    const [y, back] = referenceNetwork(weights, layout, place, x);
    const dy = zeros(...y.shape);
    const at = CHANNEL * y.shape[2] ** 2 + Math.floor(y.shape[2] / 2) * (y.shape[2] + 1);
    dy.data[at] = 1;
    write(`d_grad_small0_${module}_ch${CHANNEL}`, [3, SIZE, SIZE], back(dy).data, { value: y.data[at] });
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return 2 * MAPS.length + 3 * GRADIENTS.length;
}

/** [4,C]: centre unit, mean, deviation, and the sum of absolute values of every channel (verifyNetwork.ts). */
function statistics(data: ArrayLike<number>, C: number, rows: number): Float64Array {
  const result = new Float64Array(4 * C);
  for (let c = 0; c < C; c++) {
    const plane = Array.from({ length: rows * rows }, (_, i) => data[c * rows * rows + i]);
    const mean = plane.reduce((sum, v) => sum + v, 0) / plane.length;
    result[c] = plane[Math.floor(rows / 2) * (rows + 1)];
    result[C + c] = mean;
    result[2 * C + c] = Math.sqrt(plane.reduce((sum, v) => sum + (v - mean) ** 2, 0) / plane.length);
    result[3 * C + c] = plane.reduce((sum, v) => sum + Math.abs(v), 0);
  }
  return result;
}
