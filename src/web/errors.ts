// Errors on the page: the first one stays until it is put away, because what follows is mostly its echo. Later ones are
// counted and can be read in order.

import { StreamscopeError } from '../error.ts';
import { byId } from './elements.ts';

const later: StreamscopeError[] = [];
let shown: StreamscopeError | undefined;

/** A sentence of ours for whatever went wrong. */
export function inWords(error: unknown): StreamscopeError {
  if (error instanceof StreamscopeError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StreamscopeError(
    'bug',
    `Unexpected failure: ${reason}`,
    'This is a bug in streamscope: please report what you did.',
  );
}

export function showError(error: unknown): void {
  if (shown) later.push(inWords(error));
  else shown = inWords(error);
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
