// Files of a run. A file appears under its name only when it is complete: written beside it, flushed, renamed.
// The name meanwhile tells which process is at work, so that what a killed one left behind can be told from what
// another one is writing.

import { access, constants, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileError } from './failure.ts';

/** Makes a folder and its parents, and checks that files can be made in it. */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
    // root passes every access check, also on read-only file systems: only a file tells
    const probe = temporaryName(join(path, 'probe'));
    await (await open(probe, 'w')).close();
    await rm(probe);
  } catch (error) {
    throw fileError('write to', path, await reasonAbove(path, error));
  }
}

/** On a read-only file system mkdir says that the new folder is not there: the folder above it tells why. */
async function reasonAbove(path: string, error: unknown): Promise<unknown> {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error;
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    const found = await access(at, constants.W_OK).catch((reason: NodeJS.ErrnoException) => reason);
    if (found === undefined || at === dirname(at)) return found ?? error;
    if (found.code !== 'ENOENT') return found;
  }
}

const HOST = hostname().replace(/[^\w-]/g, '-');

/** Where a file is written before it gets its name; one per file and process. */
const temporaryName = (path: string): string => `${path}.${HOST}.${process.pid}.tmp`;

/** Removes what killed processes of this machine left half-written below a folder. */
export async function removeAbandoned(folder: string): Promise<void> {
  try {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const [, host, pid] = /\.([\w-]+)\.(\d+)\.tmp$/.exec(entry.name) ?? [];
      if (entry.isFile() && host === HOST && !isAlive(Number(pid)))
        await rm(join(entry.parentPath, entry.name), { force: true });
    }
  } catch (error) {
    throw fileError('clean up', folder, error);
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false; // this process has nothing in flight yet: a namesake's
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Throws io; the file is then what it was before. */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError('write', path, error);
  }
}

export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw fileError('read', path, error);
  }
}

/** The file's bytes, or undefined when there is no such file. */
export async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

/** Paths of all files below a folder, relative to it and sorted; none when there is no such folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError('read', folder, error);
  }
}
