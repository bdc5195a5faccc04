// How a command ends when it fails: one sentence, a hint, the exit code of its class. A stack trace is for bugs only,
// and only with DEBUG set.

import { EXIT, StreamscopeError } from '../error.ts';

/** Prints what went wrong and returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof StreamscopeError) {
    console.error(`streamscope: ${error.message}`);
    if (error.hint) console.error(`  ${error.hint}`);
    if (process.env.DEBUG) console.error(error.stack);
    return error.code;
  }
  if (error instanceof Error && error.name === 'AbortError') {
    console.error('streamscope: stopped. Run the same command again to continue; finished units are kept.');
    return EXIT.stopped;
  }
  console.error(`streamscope: unexpected failure: ${error instanceof Error ? error.message : error}`);
  console.error('  This is a bug: please report the command. DEBUG=1 shows where it happened.');
  if (process.env.DEBUG && error instanceof Error) console.error(error.stack);
  return EXIT.bug;
}

/** The error of a file operation, in words. */
export function fileError(action: string, path: string, error: unknown): StreamscopeError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: 'it does not exist',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is a file',
    EEXIST: 'a file is in the way',
  };
  return new StreamscopeError('io', `Cannot ${action} ${path}: ${reasons[code ?? ''] ?? message}.`);
}
