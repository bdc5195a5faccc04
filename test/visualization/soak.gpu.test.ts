// A process that makes images for a long time: its memory stays where it was after the first tenth, and the bytes of
// live buffers are the same after every image. STREAMSCOPE_SOAK sets the steps in all (1,280 otherwise; 20,000 nightly).

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { parseUnits } from '../../src/model/taps.ts';
import { type CampaignSettings, visualizeImages } from '../../src/visualization/campaign.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const STEPS = Number(process.env.STREAMSCOPE_SOAK ?? 1280);
const ROUNDS = Math.ceil(STEPS / 64);
const MOST_GROWTH = 50e6;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Resident bytes, without what is only waiting to be collected. */
function residentBytes(): number {
  collect();
  return process.memoryUsage().rss;
}

test(
  `${64 * ROUNDS} steps in images of 64`,
  async () => {
    const { network, weights } = syntheticModel({ width: 8 });
    const gpu = await Gpu.acquire();
    const context = { gpu, network, parameters: new Parameters(gpu, weights) };
    const [unit] = parseUnits(network, '1.1.B:1');
    const settings: CampaignSettings = {
      ...{ steps: 64, learningRate: 0.05, size: 64, jitterMode: 'faithful', retries: 0, batch: 1 },
      seed: 0,
    };
    const live = new Set<number>();
    const resident: number[] = [];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const made = { ...settings, seed: round };
        await visualizeImages(
          context,
          [{ unit, objective: 'center', index: 0 }],
          made,
          async ({ status }) => {
            expect(status).toBe('ok');
          },
        );
        live.add(gpu.liveBytes);
        if (round >= Math.floor(ROUNDS / 10)) resident.push(residentBytes());
      }
    } finally {
      gpu.close();
    }
    const growth = Math.max(...resident) - resident[0];
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    console.info(
      `${64 * ROUNDS} steps: ${megabytes(resident[0])} MB resident after a tenth, at most ${megabytes(growth)} MB more, ` +
        `${megabytes(resident[resident.length - 1])} MB in the end; live GPU bytes ${[...live].join(', ')}`,
    );
    expect(growth).toBeLessThanOrEqual(MOST_GROWTH);
    expect([...live]).toHaveLength(1);
  },
  60_000 + 100 * STEPS,
);
