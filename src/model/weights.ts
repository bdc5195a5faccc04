// The weights of a network, by name, whatever file they came from.
// parseWeights tells the format by its first bytes: .safetensors has a '{' after eight bytes of size, .pth is a zip ("PK").
// Files that are no weights at all (a web page, a Git LFS pointer, nothing) are recognised for the sake of the message.

import { StreamscopeError } from '../error.ts';
import { parsePth } from './pth.ts';
import { parseSafetensors } from './safetensors.ts';

/** A tensor in row-major order. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors under their PyTorch names, such as `layer1.0.conv1.weight`. */
export type Weights = ReadonlyMap<string, WeightTensor>;

const AGAIN = 'Delete it and fetch it again; see weights/README.md.';

/**
 * The float tensors of a .pth or .safetensors file.
 * @param fileName only for messages.
 * @throws StreamscopeError badInput, naming the file.
 */
export function parseWeights(bytes: Uint8Array, fileName: string): Weights {
  try {
    if (isSafetensors(bytes)) return parseSafetensors(bytes);
    checkKind(bytes);
    const isPth = (bytes[0] === 0x50 && bytes[1] === 0x4b) || bytes[0] === 0x80;
    return isPth ? parsePth(bytes) : parseSafetensors(bytes);
  } catch (error) {
    if (!(error instanceof StreamscopeError)) throw error;
    const hint = error.hint ?? `Is this a whole .pth or .safetensors file? ${AGAIN}`;
    throw new StreamscopeError(error.exitClass, `parseWeights: ${fileName}: ${error.message}`, hint, {
      cause: error,
    });
  }
}

/**
 * A '{' after a size that fits into seven bytes. The size may begin with any byte, that of a zip, a pickle or a web page
 * among them; but in a zip or a pickle byte 8 is no '{', and text has no zero before it.
 */
const isSafetensors = (bytes: Uint8Array): boolean => bytes[7] === 0 && bytes[8] === 0x7b;

function checkKind(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new StreamscopeError('badInput', 'the file is empty.', AGAIN);
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().toLowerCase();
  if (start.startsWith('<')) {
    throw new StreamscopeError(
      'badInput',
      'this is a web page, not weights.',
      `The link led elsewhere. ${AGAIN}`,
    );
  }
  if (start.startsWith('version https://git-lfs')) {
    throw new StreamscopeError('badInput', 'this is a Git LFS pointer, not weights.', 'Run git lfs pull.');
  }
}

/** SHA-256 of a file's bytes, in hex: what results record as the identity of their weights. */
export async function weightsHash(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
