// Failures in the page's words: no hint that only a command line could follow.

import { expect, test } from 'vitest';
import { StreamscopeError } from '../../src/error.ts';
import { wordingOf } from '../../src/web/wording.ts';

test.each([
  ['The GPU was lost: gone..', 'Press Start again'],
  ['No WebGPU adapter was found.', 'hardware acceleration'],
  ['images needs 9 bytes, this adapter (x) allows 8 in one buffer.', 'fewer pixels'],
])('%s', (message, hint) => {
  const wording = wordingOf(new StreamscopeError('unavailable', message, 'Run `sh setup.sh`.'));
  expect(wording.hint).toContain(hint);
  expect(wording.message).not.toMatch(/\.\.$/);
});

test('other errors keep their hint, and what is no error of ours is a bug', () => {
  expect(wordingOf(new StreamscopeError('badInput', 'a.pth: the file is empty.', 'Again.'))).toEqual({
    message: 'a.pth: the file is empty.',
    hint: 'Again.',
    exitClass: 'badInput',
  });
  expect(wordingOf(new TypeError('x'))).toMatchObject({ message: 'Unexpected failure: x', exitClass: 'bug' });
});
