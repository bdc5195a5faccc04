// What this browser keeps of the page's work: every finished image, found again after a reload; all of it can be exported
// as one zip file, or forgotten.

import { ROLES, type Role } from '../analysis/measurements.ts';
import { type RunSettings, runSettings } from '../analysis/plan.ts';
import { makeNetwork } from '../model/network.ts';
import { tapsOf } from '../model/taps.ts';
import type { ImageTask } from '../visualization/campaign.ts';
import type { Finished } from './ascentPanel.ts';
import { byId } from './elements.ts';
import { attempt } from './errors.ts';
import type { Place } from './link.ts';
import { pngOf, save } from './pictures.ts';
import { type AscentRequest, LEARNING_RATE, type Result } from './protocol.ts';
import { type KeptImage, Store } from './store.ts';

export type Kept = Partial<Record<Role, KeptImage>>;

const exporting = () => byId<HTMLButtonElement>('export');
const forgetting = () => byId<HTMLButtonElement>('forget');

export class KeptPanel {
  readonly #store = Store.open();

  constructor() {
    exporting().addEventListener('click', () => attempt(() => this.#export()));
    forgetting().addEventListener('click', () => attempt(() => this.#forget()));
    void attempt(() => this.update());
  }

  /** Keeps finished images. Throws io when the browser gives no room. */
  async keep(place: Place, request: AscentRequest, images: Finished, weights: Result<'open'>): Promise<void> {
    const store = await this.#store;
    if (!store) return;
    const settings = settingsOf(request, weights);
    for (const { role, pixels, image, objective, ...rest } of images) {
      const task = taskOf(weights.network, place, role)!;
      const attempts = [{ seed: request.seed, status: rest.status }];
      const finished = { task, ...rest, attempts, pixels, ascent: { image, objective } };
      await store.keep(settings, finished, await pngOf(pixels, request.size), weights.adapter);
    }
    await this.update();
  }

  /** The newest images of a channel that were made together, by the weights with this hash if it is given. */
  async find(place: Place, weightsSha256?: string): Promise<Kept> {
    const store = await this.#store;
    let [newest, made]: [Kept, number] = [{}, 0];
    for (const [run, settings] of (await store?.runs()) ?? []) {
      if (weightsSha256 && settings.weightsSha256 !== weightsSha256) continue;
      const kept: Kept = {};
      for (const role of ROLES) {
        const task = taskOf(settings.network, place, role);
        const image = task && (await store!.find(run, settings, task));
        if (image) kept[role] = image;
      }
      const last = Math.max(0, ...Object.values(kept).map((image) => image.made));
      if (last > made) [newest, made] = [kept, last];
    }
    return newest;
  }

  /** Says what is kept. */
  async update(): Promise<void> {
    const store = await this.#store;
    const { images, bytes } = (await store?.size()) ?? { images: 0, bytes: 0 };
    exporting().disabled = forgetting().disabled = bytes === 0;
    byId('kept-note').textContent = store
      ? `${images} finished image${images === 1 ? '' : 's'} kept in this browser, ${(bytes / 2 ** 20).toFixed(1)} MiB.`
      : 'This browser keeps nothing for this page: save what you need.';
  }

  async #export(): Promise<void> {
    save('streamscope-runs.zip', await (await this.#store)!.export());
  }

  async #forget(): Promise<void> {
    if (!confirm('Forget all images that this browser keeps for this page?')) return;
    await (await this.#store)!.clear();
    await this.update();
  }
}

/** The settings of the run that an ascent belongs to: those of `visualize` with --retries 0. */
const settingsOf = (request: AscentRequest, { network, sha256 }: Result<'open'>): RunSettings =>
  runSettings({ name: network }, sha256, {
    ...request,
    learningRate: LEARNING_RATE,
    jitterMode: 'faithful',
    retries: 0,
  });

/** An image by names; undefined where the network has no such block. */
function taskOf(network: string, { block, channel }: Place, role: Role): ImageTask | undefined {
  const tap = tapsOf(makeNetwork(network)).find(({ name }) => name === `${block}.${role}`);
  return tap && { unit: { tap, channel }, objective: 'center', index: 0 };
}
