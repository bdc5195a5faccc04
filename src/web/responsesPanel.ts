// Below the images: the nine responses of the channel, and O's tuning curve with a slider that zooms its image, by the
// very transforms of the measurement.

import { ROLES } from '../analysis/measurements.ts';
import { mixRatio } from '../analysis/mixRatio.ts';
import { short } from '../analysis/numberText.ts';
import { STUDY } from '../analysis/readings.ts';
import { transformTensor, zoom } from '../model/tensorTransforms.ts';
import { fromBytes, toBytes } from '../visualization/pixels.ts';
import { byId, make } from './elements.ts';
import { paint } from './pictures.ts';
import { drawCurve } from './plots.ts';
import type { Nine } from './run.ts';

export interface Tuning {
  scales: readonly number[];
  answers: readonly number[];
}

/** The picture that the slider zooms: 8-bit pixels (n,n,3). */
export interface Stimulus {
  pixels: Uint8Array;
  size: number;
}

const slider = () => byId<HTMLInputElement>('zoom');

export class ResponsesPanel {
  #tuning: Tuning | undefined;
  #stimulus: Stimulus | undefined;

  constructor() {
    slider().addEventListener('input', () => this.#draw());
  }

  /** Rows: taps; columns: whose image. `source` says where the numbers come from. */
  show(nine: Nine, source: string): void {
    const head = make(
      'tr',
      {},
      make('th', {}, 'answer'),
      ...ROLES.map((role) => make('th', {}, `image of ${role}`)),
    );
    const rows = ROLES.map((tap) =>
      make(
        'tr',
        {},
        make('th', {}, tap),
        ...ROLES.map((image) =>
          make('td', { className: tap === image ? 'own' : '' }, short(nine[tap][image])),
        ),
      ),
    );
    byId('responses').replaceChildren(head, ...rows);
    const [onInput, onBlock, own] = [nine.O.I, nine.O.B, nine.B.B];
    const known = onInput !== undefined && onBlock !== undefined && own !== undefined;
    const ratio = known ? mixRatio(onInput, onBlock, own, STUDY) : undefined;
    const mix = ratio ? ` M = O(image of I) / O(image of B) = ${short(ratio.value)} (${ratio.case}).` : '';
    byId('responses-note').textContent = `${source}${mix}`;
  }

  clear(note: string): void {
    byId('responses').replaceChildren();
    byId('responses-note').textContent = note;
    this.tune(undefined, undefined);
  }

  tune(tuning: Tuning | undefined, stimulus: Stimulus | undefined): void {
    [this.#tuning, this.#stimulus] = [tuning, stimulus];
    slider().disabled = !tuning;
    slider().max = String((tuning?.scales.length ?? 1) - 1);
    slider().value = '0';
    this.#draw();
  }

  #draw(): void {
    const plot = byId<SVGSVGElement>('tuning');
    plot.style.display = this.#tuning ? '' : 'none';
    if (!this.#tuning) {
      byId('zoom-answer').textContent = '';
      byId<HTMLCanvasElement>('zoomed').getContext('2d')!.reset();
      return;
    }
    const { scales, answers } = this.#tuning;
    const at = Number(slider().value);
    const title = `O on its own image from scale ${scales[0]} to ${scales.at(-1)}`;
    drawCurve(
      plot,
      { x: scales, y: answers, title },
      { x: 'scale', y: 'O' },
      { width: 420, height: 200, mark: at },
    );
    byId('zoom-answer').textContent = `scale ${scales[at]}: O answers ${short(answers[at])}`;
    slider().setAttribute('aria-valuetext', byId('zoom-answer').textContent);
    if (!this.#stimulus) return;
    const { pixels, size } = this.#stimulus;
    const image = transformTensor(fromBytes(pixels), size, zoom(size, scales[at]), { start: 0, end: size });
    const within = image.map((value) => Math.min(1, Math.max(0, value)));
    paint(byId<HTMLCanvasElement>('zoomed'), toBytes(within, size, size), size);
  }
}
