// Files of the browser's private file system by path, as the store wants them.

import { StreamscopeError } from '../error.ts';

type Folder = FileSystemDirectoryHandle;

/** The folder of a path's parts below `folder`; made when it is not there. */
async function folderOf(folder: Folder, parts: readonly string[], create: boolean): Promise<Folder> {
  let at = folder;
  for (const part of parts) at = await at.getDirectoryHandle(part, { create });
  return at;
}

/** A file below `folder`, or undefined when there is none. */
export async function fileAt(folder: Folder, path: string): Promise<File | undefined> {
  const parts = path.split('/');
  try {
    const parent = await folderOf(folder, parts.slice(0, -1), false);
    return await (await parent.getFileHandle(parts.at(-1)!)).getFile();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
    throw error;
  }
}

/** Writes a file, whole or not at all. Throws io when the browser gives no more room. */
export async function writeFile(folder: Folder, path: string, content: string | Uint8Array): Promise<void> {
  const parts = path.split('/');
  try {
    const parent = await folderOf(folder, parts.slice(0, -1), true);
    const handle = await parent.getFileHandle(parts.at(-1)!, { create: true });
    const writable = await handle.createWritable();
    await writable.write(content as string | Uint8Array<ArrayBuffer>);
    await writable.close();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StreamscopeError(
      'io',
      `The browser did not keep ${parts.at(-1)}: ${reason}.`,
      'Export what is kept, then forget it to make room.',
    );
  }
}

/** What a folder holds, by name. */
async function handlesIn(folder: Folder): Promise<(FileSystemDirectoryHandle | FileSystemFileHandle)[]> {
  const found: (FileSystemDirectoryHandle | FileSystemFileHandle)[] = [];
  for await (const handle of folder.values()) found.push(handle);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Names of the folders in a folder. */
export async function foldersIn(folder: Folder): Promise<string[]> {
  return (await handlesIn(folder)).filter(({ kind }) => kind === 'directory').map(({ name }) => name);
}

/** All files below a folder with their paths, in the order of names. */
export async function* filesBelow(folder: Folder, path = ''): AsyncGenerator<[path: string, file: File]> {
  for (const handle of await handlesIn(folder)) {
    if (handle.kind === 'file') yield [path + handle.name, await handle.getFile()];
    else yield* filesBelow(handle, `${path}${handle.name}/`);
  }
}
