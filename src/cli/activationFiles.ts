// Activations as they are collected: a float32 .npy [images, channels] that grows row by row under the name
// PATH.part, with room for its header, and gets header and name when it is whole. After an interruption the whole
// rows in it count, and writing goes on behind them.

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TopImages } from '../analysis/topImages.ts';
import { npyHeader } from '../model/npy.ts';
import { fileError } from './failure.ts';

const FLOAT_BYTES = 4;
const CHUNK_BYTES = 2 ** 20;

const headerOf = (rows: number, channels: number): Uint8Array => npyHeader([rows, channels], '<f4');

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** One write may end early, on a disk that is nearly full without an error: the next one then says so. */
async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

async function readAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done);
    if (bytesRead === 0) throw new Error('it is shorter than what was written');
    done += bytesRead;
  }
}

export class ActivationWriter {
  readonly #rowBytes: number;
  readonly #start: number;

  private constructor(
    readonly path: string,
    readonly channels: number,
    private readonly file: FileHandle,
    /** whole rows that are there */
    public rows: number,
  ) {
    this.#rowBytes = channels * FLOAT_BYTES;
    this.#start = headerOf(0, channels).length;
  }

  /** Opens PATH.part, new or as it was left; a finished PATH is taken up again. */
  static async open(path: string, channels: number): Promise<ActivationWriter> {
    const part = `${path}.part`;
    try {
      await mkdir(dirname(path), { recursive: true });
      if (!(await isFile(part)) && (await isFile(path))) await rename(path, part);
      const file = await open(part, (await isFile(part)) ? 'r+' : 'wx+');
      const { size } = await file.stat();
      const rows = Math.floor((size - headerOf(0, channels).length) / (channels * FLOAT_BYTES));
      return new ActivationWriter(path, channels, file, Math.max(0, rows));
    } catch (error) {
      throw fileError('write', part, error);
    }
  }

  /** Forgets all but the first `rows`. */
  async keep(rows: number): Promise<void> {
    await this.#attempt(() => this.file.truncate(this.#start + rows * this.#rowBytes));
    this.rows = rows;
  }

  /** Adds rows [n, channels]. */
  async append(values: Float32Array): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const at = this.#start + this.rows * this.#rowBytes;
    await this.#attempt(() => writeAll(this.file, bytes, at));
    this.rows += values.length / this.channels;
  }

  /** Reads everything once more for the extremes and the hash, writes the header and gives the file its name. */
  async finish(): Promise<{ sha256: string; extremes: TopImages }> {
    const extremes = new TopImages(this.channels);
    const header = headerOf(this.rows, this.channels);
    const hash = createHash('sha256').update(header);
    const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / this.#rowBytes));
    await this.#attempt(async () => {
      for (let row = 0; row < this.rows; row += rowsAtOnce) {
        const values = new Float32Array(Math.min(rowsAtOnce, this.rows - row) * this.channels);
        const bytes = new Uint8Array(values.buffer);
        await readAll(this.file, bytes, this.#start + row * this.#rowBytes);
        hash.update(bytes);
        for (let i = 0; i * this.channels < values.length; i++)
          extremes.add(row + i, values.subarray(i * this.channels, (i + 1) * this.channels));
      }
      await writeAll(this.file, header, 0);
      await this.file.sync();
      await this.file.close();
      await rename(`${this.path}.part`, this.path);
    });
    return { sha256: hash.digest('hex'), extremes };
  }

  close(): Promise<void> {
    return this.file.close();
  }

  async #attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw fileError('write', `${this.path}.part`, error);
    }
  }
}

/** Removes what is there of an activation file, finished or not. */
export async function removeActivations(path: string): Promise<void> {
  await Promise.all([path, `${path}.part`].map((file) => rm(file, { force: true })));
}
