// A photograph, and the channels of the block that it drives most: through the skip, through the block, or both.

import { short } from '../analysis/numberText.ts';
import { StreamscopeError } from '../error.ts';
import { INPUT_SIZE, type Pixels } from '../model/preprocess.ts';
import { CLASSES, shapeImage } from '../training/shapes.ts';
import type { Client } from './client.ts';
import { byId, make } from './elements.ts';
import { formatLink } from './link.ts';
import { decode, paint } from './pictures.ts';
import type { State } from './state.ts';
import { strongest } from './strongest.ts';

const SHOWN = 12;
/** how many shapes were drawn */
let drawn = 0;

/** Throws badInput for what is no image, usage before there are weights. */
export async function showPhotograph(file: File, state: State, client: Client): Promise<void> {
  const pixels = await decode(file).catch((error: unknown) => {
    if (error instanceof StreamscopeError) throw error;
    throw new StreamscopeError(
      'badInput',
      `${file.name} is no image that this browser can read.`,
      'Give a JPEG, PNG or WebP file.',
    );
  });
  await showPixels(pixels, file.name, state, client);
}

/** Draws the next image that no network was trained on, and shows it as a photograph. Throws usage before there are weights. */
export async function showShape(state: State, client: Client): Promise<void> {
  const index = drawn++;
  const { label, height, width, data } = shapeImage(0, 'held-out', index, INPUT_SIZE);
  await showPixels({ height, width, data }, `drawn image ${index} (${CLASSES[label]})`, state, client);
}

/** Forgets the photograph: its channels are those of other weights. */
export function clearPhotograph(): void {
  const canvas = byId<HTMLCanvasElement>('photo-seen');
  canvas.getContext('2d')!.clearRect(0, 0, canvas.width, canvas.height);
  byId('photo-channels').replaceChildren();
}

async function showPixels(pixels: Pixels, name: string, state: State, client: Client): Promise<void> {
  const { block } = state.place;
  const answers = await client.ask<'photograph'>({ kind: 'photograph', block, ...pixels });
  paint(byId<HTMLCanvasElement>('photo-seen'), answers.pixels, INPUT_SIZE);
  const rows = strongest(answers, SHOWN).map(({ channel, answers: { I, B, O }, through }) =>
    make(
      'tr',
      {},
      make('th', {}, make('a', { href: formatLink({ block, channel }), textContent: String(channel) })),
      ...[I, B, O].map((value) => make('td', {}, short(value))),
      make('td', {}, through),
    ),
  );
  const head = ['channel', 'I', 'B', 'O', 'through'].map((title) => make('th', {}, title));
  byId('photo-channels').replaceChildren(
    make(
      'p',
      { className: 'note' },
      `The centre of ${name}: the ${rows.length} strongest channels of block ${block}.`,
    ),
    make('table', {}, make('tr', {}, ...head), ...rows),
  );
}
