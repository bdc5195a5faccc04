// Where the files of a run folder come from: the server that serves the page, or a folder chosen on this computer. And
// the network that lies beside the page, so that there is something to look at before anyone has chosen a file.

import { StreamscopeError } from '../error.ts';

export interface RunFiles {
  /** for people */
  name: string;
  /** the bytes of a file, named from the run folder; undefined when there is none */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** The run folder of `streamscope serve --run`, if the server has one. */
export const servedRun = (base: URL): RunFiles => ({
  name: 'the served run',
  read: (path) => served(`run/${path}`, base),
});

/** The network that the build puts beside the page (weights/shapes16.safetensors); undefined where it was left out. */
export const embeddedNetwork = (base: URL): Promise<Uint8Array | undefined> =>
  served('shapes16.safetensors', base);

/** A file of the server. Throws io for any answer but the file and 404. */
async function served(path: string, base: URL): Promise<Uint8Array | undefined> {
  const response = await fetch(new URL(path.split('/').map(encodeURIComponent).join('/'), base));
  if (response.status === 404) return undefined;
  if (!response.ok) throw new StreamscopeError('io', `The server answers ${response.status} for ${path}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A folder that was chosen: every file's path begins with the folder's own name. */
export function chosenRun(files: readonly File[]): RunFiles {
  const below = new Map(files.map((file) => [file.webkitRelativePath.split('/').slice(1).join('/'), file]));
  return {
    name: files[0]?.webkitRelativePath.split('/')[0] ?? 'an empty folder',
    async read(path) {
      const file = below.get(path);
      return file && new Uint8Array(await file.arrayBuffer());
    },
  };
}
