// JSON of a run folder, which may come from a stranger. JSON.parse itself reads any nesting, but what walks its result
// recurses, JSON.stringify first of all: depth is bounded here, before anything is parsed. Duplicate keys and a key
// called __proto__ are harmless to JSON.parse, which makes plain properties of them; schemas then take only the fields
// that they name.

import { StreamscopeError } from '../error.ts';
import { decodeUtf8 } from '../model/elements.ts';

const DEEPEST = 32;

/** The value of a JSON document. Throws badInput with the reason alone as its message; the caller names the file. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new StreamscopeError('badInput', 'it is not UTF-8');
  if (depthOf(bytes) > DEEPEST) throw new StreamscopeError('badInput', `it is nested deeper than ${DEEPEST}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new StreamscopeError('badInput', 'it is not JSON');
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN, CLOSE] = [
  [0x5b, 0x7b],
  [0x5d, 0x7d],
];

/** The deepest nesting of brackets outside text; of what is no JSON, some number. */
function depthOf(bytes: Uint8Array): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (quoted && byte === BACKSLASH) at++;
    else if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && OPEN.includes(byte)) deepest = Math.max(deepest, ++depth);
    else if (!quoted && CLOSE.includes(byte)) depth--;
  }
  return deepest;
}
