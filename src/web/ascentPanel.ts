// The middle of the page: I, B and O of the channel as they form, their curves, and the controls of the ascent.

import { ROLES, type Role } from '../analysis/measurements.ts';
import { short } from '../analysis/numberText.ts';
import { parseNpy } from '../model/npy.ts';
import type { Client } from './client.ts';
import { byId, make } from './elements.ts';
import { attempt } from './errors.ts';
import type { Kept } from './keptPanel.ts';
import type { Place } from './link.ts';
import { paint, paintPng, saveNpy, savePng } from './pictures.ts';
import { drawCurve } from './plots.ts';
import type { AscentRequest, Picture, Result } from './protocol.ts';
import { isServed, type State } from './state.ts';
import type { KeptImage } from './store.ts';
import { svg } from './svg.ts';

const WHAT: Record<Role, string> = {
  I: 'I, what bypasses the block',
  B: 'B, what the block adds',
  O: 'O, their sum',
};

interface RoleView {
  canvas: HTMLCanvasElement;
  curve: SVGSVGElement;
  words: HTMLElement;
  png: HTMLButtonElement;
  npy: HTMLButtonElement;
  /** float32, once finished */
  image?: Float32Array;
}

export type Finished = Result<'ascend'>['images'];

export class AscentPanel {
  readonly #views: Record<Role, RoleView>;
  readonly #state: State;
  readonly #client: Client;
  /** the ascent that is running, or the one whose pictures are shown */
  #shown: { place: Place; settings: AscentRequest } | undefined;
  #running = false;
  #paused = false;
  /** told when the images are finished */
  onFinished: (place: Place, settings: AscentRequest, images: Finished) => Promise<void> = async () => {};

  constructor(state: State, client: Client) {
    this.#state = state;
    this.#client = client;
    const views = ROLES.map((role) => [role, this.#makeView(role)] as const);
    this.#views = Object.fromEntries(views) as Record<Role, RoleView>;
    client.onPicture = (picture) => this.#draw(picture);
    const on = (id: string, work: () => Promise<void> | void) =>
      byId(id).addEventListener('click', () => attempt(work));
    on('start', () => this.start());
    on('pause', () => this.#pause());
    on('step', async () => {
      this.#paused = true;
      await this.#client.ask<'steer'>({ kind: 'steer', action: { do: 'step', steps: 1 } });
      this.update();
    });
    on('stop', async () => void (await client.ask<'steer'>({ kind: 'steer', action: { do: 'stop' } })));
    on('reseed', async () => {
      const seed = byId<HTMLInputElement>('seed');
      seed.valueAsNumber += 1;
      await this.start();
    });
  }

  #makeView(role: Role): RoleView {
    const canvas = make('canvas', { width: 224, height: 224, id: `image-${role}` });
    canvas.setAttribute('role', 'img');
    const curve = svg('svg', { role: 'img', id: `curve-${role}` });
    const words = make('p', { className: 'note' });
    const png = make('button', { type: 'button', textContent: 'Save PNG', disabled: true });
    const npy = make('button', { type: 'button', textContent: 'Save .npy', disabled: true });
    const view: RoleView = { canvas, curve, words, png, npy };
    png.addEventListener('click', () => attempt(() => savePng(`${this.#fileName(role)}.png`, canvas)));
    npy.addEventListener('click', () =>
      attempt(() => saveNpy(`${this.#fileName(role)}.npy`, view.image!, this.#shown!.settings.size)),
    );
    const saves = make('div', { className: 'saves' }, png, npy);
    byId('roles').append(
      make('div', { className: 'role' }, make('h3', {}, WHAT[role]), canvas, curve, words, saves),
    );
    return view;
  }

  #fileName(role: Role): string {
    const { place, settings } = this.#shown!;
    return `${place.block}.${role}-${place.channel}-seed${settings.seed}`;
  }

  /** Starts anew with the settings on the page; whatever runs is stopped first. */
  async start(): Promise<void> {
    await this.#end();
    const place = { ...this.#state.place };
    const settings = readSettings();
    this.#shown = { place, settings };
    [this.#running, this.#paused] = [true, false];
    for (const view of Object.values(this.#views)) {
      view.png.disabled = view.npy.disabled = true;
      view.words.textContent = 'compiling';
    }
    this.update();
    try {
      const body = { kind: 'ascend' as const, ...place, roles: [...ROLES], settings };
      const { stopped, images, liveBytes } = await this.#client.ask<'ascend'>(body);
      const held = `The device holds ${(liveBytes / 2 ** 20).toFixed(2)} MiB.`;
      const note = byId('ascent-note');
      note.textContent = `${stopped ? 'Stopped' : 'Finished'}. ${held}`;
      note.dataset.bytes = String(liveBytes);
      for (const { role, status, image, pixels } of images) {
        const view = this.#views[role];
        view.image = image;
        paint(view.canvas, pixels, settings.size);
        view.npy.disabled = false;
        if (status !== 'ok') view.words.textContent = `This seed is ${status}: try the next.`;
      }
      if (!stopped) await this.onFinished(place, settings, images);
    } catch (error) {
      byId('ascent-note').textContent = 'Ended by an error.';
      throw error;
    } finally {
      this.#running = false;
      this.update();
    }
  }

  /** Stops what runs and forgets whose images are shown: those of other weights take their place. */
  async clear(): Promise<void> {
    await this.#end();
    this.#shown = undefined;
    byId('ascent-note').textContent = '';
  }

  async #end(): Promise<void> {
    // asked again and again: a stop that comes before the worker has begun is not heard
    while (this.#running) {
      await this.#client.ask<'steer'>({ kind: 'steer', action: { do: 'stop' } });
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** Shows what is kept of a channel, or nothing, unless its images are on the page or an ascent is running. */
  async show(place: Place, kept: Kept): Promise<void> {
    if (this.#running || (this.#shown && samePlace(this.#shown.place, place))) return;
    const [first] = Object.values(kept);
    const { steps = 0, seed = 0, size = 224 } = first?.settings ?? {};
    this.#shown = { place: { ...place }, settings: { steps, seed, size, every: 16 } };
    for (const role of ROLES)
      await this.#showKept(this.#views[role], `${place.block}.${role}:${place.channel}`, kept[role]);
  }

  async #showKept(view: RoleView, unit: string, kept: KeptImage | undefined): Promise<void> {
    const { canvas, curve, words, png, npy } = view;
    png.disabled = npy.disabled = !kept;
    curve.replaceChildren();
    view.image = kept && floatsOf(await kept.npy.arrayBuffer());
    if (!kept) {
      canvas.getContext('2d')!.clearRect(0, 0, canvas.width, canvas.height);
      canvas.setAttribute('aria-label', `No image of ${unit} yet`);
      words.textContent = '';
      return;
    }
    const { settings, activation } = kept;
    await paintPng(canvas, kept.png);
    canvas.setAttribute('aria-label', `The image of ${unit} after ${settings.steps} steps, kept from before`);
    const { weightsSha256 } = settings;
    const others =
      weightsSha256 === (this.#state.weights?.sha256 ?? weightsSha256) ? '' : ', of other weights';
    words.textContent = `kept from before: ${settings.steps} steps, seed ${settings.seed}, activation ${short(activation)}${others}`;
  }

  async #pause(): Promise<void> {
    this.#paused = !this.#paused;
    await this.#client.ask<'steer'>({ kind: 'steer', action: { do: this.#paused ? 'pause' : 'resume' } });
    this.update();
  }

  #draw({ role, stepsDone, pixels, objective, gradientNorm }: Picture): void {
    const { place, settings } = this.#shown!;
    const view = this.#views[role];
    paint(view.canvas, pixels, settings.size);
    const unit = `${place.block}.${role}:${place.channel}`;
    view.canvas.setAttribute('aria-label', `The image of ${unit} after ${stepsDone} steps`);
    view.png.disabled = false;
    view.words.textContent =
      stepsDone === 0
        ? 'first image; compiling'
        : `step ${stepsDone} of ${settings.steps}, activation ${short(objective.at(-1))}, gradient ${short(gradientNorm.at(-1))}`;
    if (objective.length > 1) {
      const x = Array.from(objective, (_, step) => step + 1);
      const title = `Activation of ${unit} by step, from ${short(objective[0])} to ${short(objective.at(-1))}`;
      drawCurve(view.curve, { x, y: objective, title }, { x: 'step', y: 'activation' });
    }
  }

  update(): void {
    const { weights, place } = this.#state;
    const can = weights !== undefined && isServed(weights.taps, place.block);
    const enable = (id: string, enabled: boolean) => {
      byId<HTMLButtonElement>(id).disabled = !enabled;
    };
    enable('start', can);
    enable('reseed', can);
    for (const id of ['pause', 'step', 'stop']) enable(id, this.#running);
    byId('pause').textContent = this.#paused ? 'Go on' : 'Pause';
    byId('ascent-title').textContent =
      `The images that most excite channel ${place.channel} of block ${place.block}`;
    const tap = weights?.taps.find(({ name }) => name === `${place.block}.O`);
    if (tap) byId<HTMLInputElement>('jitter').placeholder = `${tap.jitter} (study)`;
    if (this.#running) byId('ascent-note').textContent = this.#paused ? 'Paused.' : 'Running.';
  }
}

const samePlace = (a: Place, b: Place): boolean => a.block === b.block && a.channel === b.channel;

const floatsOf = (npy: ArrayBuffer): Float32Array => parseNpy(new Uint8Array(npy)).data as Float32Array;

/** What the inputs say; what makes no sense is brought within bounds, and shown so. */
function readSettings(): AscentRequest {
  const whole = (id: string): number => {
    const input = byId<HTMLInputElement>(id);
    const value = Math.round(input.valueAsNumber);
    const within = Math.max(
      Number(input.min),
      Math.min(Number(input.max), Number.isFinite(value) ? value : 0),
    );
    input.value = String(within);
    return within;
  };
  const jitter = byId<HTMLInputElement>('jitter').value === '' ? undefined : whole('jitter');
  return { steps: whole('steps'), seed: whole('seed'), size: whole('size'), jitter, every: 16 };
}
