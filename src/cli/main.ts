// temporary entry
import { Gpu } from '../engine/device.ts';
import { selfTest } from '../engine/selfTest.ts';
const gpu = await Gpu.acquire().catch((e) => { console.error(e.message, e.hint); process.exit(69); });
console.error(gpu.adapter, await selfTest(gpu));
gpu.close();
