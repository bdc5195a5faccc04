// A program for otherLanes.gpu.test.ts: the SIMD kernels in a process whose adapter is half or twice as wide.
// Prints the largest error per op and pass as JSON; a check that fails ends it with an error.

import { Gpu } from '../../src/engine/device.ts';
import { fusedCase } from './fusedCases.ts';
import { canWinograd, FEW } from './fusedShapes.ts';
import { spectrumCase } from './imageCases.ts';
import { checkOp, worst } from './opCheck.ts';

const gpu = await Gpu.acquire();
const lanes = gpu.simdLanes;
if (!lanes) throw new Error(`${gpu.adapter} has no SIMD lanes.`);
const rows = [
  ...FEW.map((shape) => fusedCase(shape, lanes)),
  ...FEW.filter(canWinograd).map((shape) => fusedCase(shape, lanes, true)),
  spectrumCase([2, 3], [45, 34], [21, 19], 2, lanes),
  spectrumCase([3, 2], [10, 7], [4, 5], 2, lanes),
];
for (const row of rows) await checkOp(gpu, row);
gpu.close();
console.log(JSON.stringify({ lanes, checked: rows.length, worst: Object.fromEntries(worst) }));
