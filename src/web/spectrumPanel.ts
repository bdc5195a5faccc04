// The left of the page: the channels of a block as a scatter to choose from, and the channel's place among the mix
// ratios. Arrow keys walk along the horizontal axis.

import { short } from '../analysis/numberText.ts';
import { byId, make } from './elements.ts';
import type { Place } from './link.ts';
import { drawHistogram, drawScatter } from './plots.ts';
import { type Axis, axesOf, neighbour, pointsOf } from './spectrum.ts';
import { blocksOf, channelsOf, type State } from './state.ts';

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

export class SpectrumPanel {
  readonly #block = byId<HTMLSelectElement>('block');
  readonly #channel = byId<HTMLInputElement>('channel');
  readonly #x = byId<HTMLSelectElement>('axis-x');
  readonly #y = byId<HTMLSelectElement>('axis-y');
  readonly #scatter = byId<SVGSVGElement>('scatter');
  readonly #state: State;
  readonly #onSelect: (place: Place) => void;

  constructor(state: State, onSelect: (place: Place) => void) {
    this.#state = state;
    this.#onSelect = onSelect;
    const block = () => onSelect({ ...state.place, block: this.#block.value });
    this.#block.addEventListener('change', block);
    this.#channel.addEventListener('change', () => this.#select(this.#channel.valueAsNumber));
    for (const axis of [this.#x, this.#y]) axis.addEventListener('change', () => this.update());
    byId('walker').addEventListener('keydown', (event) => {
      const by = STEPS[event.key];
      if (by === undefined) return;
      event.preventDefault();
      this.#select(neighbour(this.#points(), state.place.channel, by));
    });
  }

  #select(channel: number): void {
    if (Number.isInteger(channel)) this.#onSelect({ ...this.#state.place, channel });
  }

  #axes(): Axis[] {
    const { place, run, magnitudes } = this.#state;
    return axesOf(magnitudes.get(place.block), run?.block(place.block));
  }

  #points() {
    const { place, run } = this.#state;
    const axes = this.#axes();
    const of = ({ value }: HTMLSelectElement) => axes.find(({ id }) => id === value) ?? axes[0];
    return pointsOf(place.block, of(this.#x), of(this.#y), run?.block(place.block));
  }

  update(): void {
    const { place } = this.#state;
    fill(
      this.#block,
      blocksOf(this.#state).map((block) => [block, block]),
      place.block,
    );
    this.#channel.max = String((channelsOf(this.#state, place.block) ?? 1) - 1);
    this.#channel.value = String(place.channel);
    const axes = this.#axes();
    const options = axes.map(({ id, title }): [string, string] => [id, title]);
    const has = (id: string) => axes.some((axis) => axis.id === id);
    const [x, y] = [this.#x.value, this.#y.value];
    // a run brings the mix ratio: the scatter turns to it unless someone chose otherwise
    fill(this.#x, options, has(x) && x !== 'channel' ? x : has('mix') ? 'mix' : 'channel');
    const magnitude = ['batchNorm', 'convolution'].find((id) =>
      axes.some((axis) => axis.id === id && varies(axis)),
    );
    fill(this.#y, options, has(y) && y !== 'channel' ? y : (magnitude ?? 'channel'));
    const walker = byId('walker');
    walker.setAttribute('aria-valuemax', this.#channel.max);
    walker.setAttribute('aria-valuenow', String(place.channel));
    const title = (select: HTMLSelectElement) => axes.find(({ id }) => id === select.value)?.title ?? '';
    drawScatter(this.#scatter, this.#points(), {
      titles: { x: title(this.#x), y: title(this.#y) },
      selected: place.channel,
      onSelect: (channel) => this.#select(channel),
    });
    this.#histogram();
  }

  #histogram(): void {
    const { place, run } = this.#state;
    const block = run?.block(place.block);
    const ratio = block?.seeds[0].mix[place.channel];
    const plot = byId<SVGSVGElement>('histogram');
    byId('histogram-title').hidden = !block;
    plot.toggleAttribute('hidden', !block);
    plot.style.display = block ? '' : 'none';
    if (block) {
      const value = ratio?.value ?? null;
      const { clamp } = block.reading;
      drawHistogram(plot, block.seeds[0].histogram, clamp, value === null ? null : Math.min(value, clamp));
      byId('mix-note').textContent =
        value === null ? `No mix ratio: the channel is ${ratio?.case ?? 'missing'}.` : `M = ${short(value)}`;
    } else byId('mix-note').textContent = 'Mix ratios of all channels come from a run folder.';
  }
}

/** Some files hold batch norms folded into their convolutions: then all their weights are 1. */
const varies = ({ values }: Axis): boolean => values.some((value) => value !== values[0]);

/** Replaces the options where they changed, and chooses one. */
function fill(
  select: HTMLSelectElement,
  options: readonly (readonly [string, string])[],
  value: string,
): void {
  const now = [...select.options].map((option) => option.value).join();
  if (now !== options.map(([id]) => id).join())
    select.replaceChildren(...options.map(([id, text]) => make('option', { value: id, textContent: text })));
  select.value = value;
}
