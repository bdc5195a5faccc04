// A photograph, and the channels of the block that it drives most: through the skip, through the block, or both.

import { short } from '../analysis/numberText.ts';
import { StreamscopeError } from '../error.ts';
import type { Client } from './client.ts';
import { byId, make } from './elements.ts';
import { formatLink } from './link.ts';
import { decode, paint } from './pictures.ts';
import type { State } from './state.ts';
import { strongest } from './strongest.ts';

const SHOWN = 12;
const SEEN = 224;

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
  const { block } = state.place;
  const answers = await client.ask<'photograph'>({ kind: 'photograph', block, ...pixels });
  paint(byId<HTMLCanvasElement>('photo-seen'), answers.pixels, SEEN);
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
      `The centre of ${file.name}: the ${rows.length} strongest channels of block ${block}.`,
    ),
    make('table', {}, make('tr', {}, ...head), ...rows),
  );
}
