// What the page has made, kept in the browser's private file system (OPFS) as run folders, one per settings:
//   runs/<first digits of the settings' hash>/run.json and <network>/<module>/unit<c>/0_distill_center.png, .npy, .json
// A folder is what `visualize` writes under these settings: it can be exported and continued there. Nothing leaves the
// browser on its own. An image is there when its .json is, which is written last.

import * as v from 'valibot';
import manifest from '../../package.json';
import { imageSettings, type RunSettings, settingsHash } from '../analysis/plan.ts';
import { type FinishedImage, imageBase, sidecarText } from '../analysis/sidecar.ts';
import { writeNpy } from '../model/npy.ts';
import { weightsHash } from '../model/weights.ts';
import { ZipWriter } from '../model/zipWriter.ts';
import { fileAt, filesBelow, foldersIn, writeFile } from './privateFiles.ts';

const RUNS = 'runs';

const runSchema = v.object({
  settings: v.looseObject({
    network: v.picklist(['resnet18', 'resnet34']),
    weightsSha256: v.string(),
    steps: v.number(),
    size: v.number(),
    seed: v.number(),
    jitter: v.union([v.number(), v.literal('study')]),
  }),
});
const sidecarSchema = v.object({ activation: v.optional(v.number()) });
/** What the page reads of a run's settings. */
export type KeptSettings = v.InferOutput<typeof runSchema>['settings'];

export interface KeptImage {
  settings: KeptSettings;
  activation?: number;
  png: Blob;
  npy: Blob;
  /** when it was made, ms */
  made: number;
}

export class Store {
  private constructor(private readonly root: FileSystemDirectoryHandle) {}

  /** Undefined where the browser keeps no files for this page. */
  static async open(): Promise<Store | undefined> {
    try {
      const root = await navigator.storage.getDirectory();
      return new Store(await root.getDirectoryHandle(RUNS, { create: true }));
    } catch {
      return undefined; // an insecure address, or a window that keeps nothing
    }
  }

  /** Keeps a finished image. `png` holds its pixels. Throws io when the browser gives no room. */
  async keep(settings: RunSettings, image: FinishedImage, png: Blob, adapter: string): Promise<void> {
    const hash = await settingsHash(settings);
    const run = await this.root.getDirectoryHandle(hash.slice(0, 12), { create: true });
    const about = { streamscope: manifest.version, settingsHash: hash, settings };
    if (!(await fileAt(run, 'run.json')))
      await writeFile(run, 'run.json', `${JSON.stringify(about, null, 2)}\n`);
    const base = imageBase(settings.network, image.task);
    const own = imageSettings(settings, image.task);
    const files: Record<string, string> = {};
    if (image.status === 'ok') {
      const npy = writeNpy([3, settings.size, settings.size], image.ascent.image);
      for (const [end, bytes] of [
        ['png', new Uint8Array(await png.arrayBuffer())],
        ['npy', npy],
      ] as const) {
        await writeFile(run, `${base}.${end}`, bytes);
        files[`${base.slice(base.lastIndexOf('/') + 1)}.${end}`] = await weightsHash(bytes);
      }
    }
    await writeFile(run, `${base}.json`, sidecarText(image, own, adapter, manifest.version, files));
  }

  /** The settings of every run, by folder; a folder without, or with damaged ones, is none. */
  async runs(): Promise<Map<string, KeptSettings>> {
    const runs = new Map<string, KeptSettings>();
    for (const name of await foldersIn(this.root)) {
      const file = await fileAt(this.root, `${name}/run.json`);
      const result = v.safeParse(runSchema, file && parsed(await file.text()));
      if (result.success) runs.set(name, result.output.settings);
    }
    return runs;
  }

  /** An image of a run; undefined when it is not kept whole. */
  async find(
    run: string,
    settings: KeptSettings,
    task: FinishedImage['task'],
  ): Promise<KeptImage | undefined> {
    const base = `${run}/${imageBase(settings.network, task)}`;
    const files = ['json', 'png', 'npy'].map((end) => fileAt(this.root, `${base}.${end}`));
    const [json, png, npy] = await Promise.all(files);
    if (!json || !png || !npy) return undefined;
    const result = v.safeParse(sidecarSchema, parsed(await json.text()));
    if (!result.success) return undefined;
    return { settings, activation: result.output.activation, png, npy, made: json.lastModified };
  }

  /** How many images are kept, and the bytes of all files. */
  async size(): Promise<{ images: number; bytes: number }> {
    let [images, bytes] = [0, 0];
    for await (const [path, file] of filesBelow(this.root)) {
      bytes += file.size;
      if (path.endsWith('.png')) images++;
    }
    return { images, bytes };
  }

  /** Every file, in a zip file whose contents stay on disk until they are saved. */
  async export(): Promise<Blob> {
    const zip = new ZipWriter();
    const parts: BlobPart[] = [];
    for await (const [path, file] of filesBelow(this.root)) {
      const header = zip.add(path, new Uint8Array(await file.arrayBuffer()));
      parts.push(header as Uint8Array<ArrayBuffer>, file);
    }
    return new Blob([...parts, zip.end() as Uint8Array<ArrayBuffer>], { type: 'application/zip' });
  }

  /** Removes everything. */
  async clear(): Promise<void> {
    for (const name of await foldersIn(this.root)) await this.root.removeEntry(name, { recursive: true });
  }
}

/** What JSON says; undefined for what is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
