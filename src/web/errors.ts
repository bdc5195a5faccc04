// Errors on the page: the first one stays until it is put away, because what follows is mostly its echo. Later ones are
// counted and can be read in order.

import { byId } from './elements.ts';
import { type Wording, wordingOf } from './wording.ts';

const later: Wording[] = [];
let shown: Wording | undefined;

export function showError(error: unknown): void {
  if (shown) later.push(wordingOf(error));
  else shown = wordingOf(error);
  draw();
}

/** Puts the first error away; the next one takes its place. */
export function dismissError(): void {
  shown = later.shift();
  draw();
}

/** Runs what a control asks for, and shows what it throws. */
export async function attempt(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    showError(error);
  }
}

function draw(): void {
  byId('error').hidden = !shown;
  byId('error-message').textContent = shown?.message ?? '';
  byId('error-hint').textContent = shown?.hint ?? '';
  byId('error-more').textContent = later.length > 0 ? `${later.length} more after this one.` : '';
}
