// Failures in the page's words. The engine's hints speak of the command line; on a page other things help.

import { StreamscopeError } from '../error.ts';

export interface Wording {
  message: string;
  hint?: string;
  exitClass: string;
}

const HINTS: readonly [RegExp, string][] = [
  [
    /GPU was lost/,
    'Press Start again: the page asks for a new device. If it goes on, choose fewer pixels, or reload the page.',
  ],
  [
    /No WebGPU adapter/,
    'Turn on hardware acceleration in the browser’s settings. Without a GPU, start Chrome with --enable-unsafe-webgpu.',
  ],
  [/this adapter .* allows/, 'Choose fewer pixels, or an earlier block.'],
];

/** A sentence and what to do about it, for whatever was thrown. */
export function wordingOf(error: unknown): Wording {
  if (!(error instanceof StreamscopeError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      message: `Unexpected failure: ${reason}`,
      hint: 'This is a bug in streamscope: please report what you did.',
      exitClass: 'bug',
    };
  }
  const message = error.message.replace(/\.{2,}$/, '.');
  const [, hint] = HINTS.find(([pattern]) => pattern.test(message)) ?? [undefined, error.hint];
  return { message, hint, exitClass: error.exitClass };
}
