import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** A demo of its own whose administrators keep their keys elsewhere, and the command by which they sign there. */

const program = process.env.CISTERNA_BIN ?? '../../bin/cisterna';

async function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const s = createServer().on('error', failed).listen(0, '127.0.0.1', () => {
      const a = s.address();
      s.close(() => (a && typeof a === 'object' ? found(a.port) : failed(new Error('no port'))));
    });
  });
}

export interface House {
  readonly url: string;
  /** Where the administrators' keys are: no server reads there. */
  readonly offline: string;
  readonly stop: () => Promise<void>;
}

/** Starts a demo, takes the administrators' keys away, and starts it again without them. */
export async function houseWithoutKeys(): Promise<House> {
  const [http, mqtt, enrol, control] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const home = process.getuid?.() === 0 ? '/var/lib' : join(homedir(), '.local/share');
  const data = join(home, `cisterna-e2e-ceremony-${http}`);
  const args = ['demo', '--data', data, '--pumps', '4', '--days', '0', '--quiet', '--http', `localhost:${http}`, '--mqtt', `127.0.0.1:${mqtt}`, '--enrol', `127.0.0.1:${enrol}`, '--control', `127.0.0.1:${control}`, '--log-level', 'warn'];
  const url = `http://localhost:${http}`;
  await stopped(await started([...args, '--reset'], url));
  const offline = mkdtempSync(join(tmpdir(), 'cisterna-offline-'));
  for (const key of ['admin-a.key', 'admin-b.key']) renameSync(join(data, 'keys/trust/secret', key), join(offline, key));
  const server = await started(args, url);
  const stop = async () => {
    await stopped(server);
    for (const dir of [data, offline]) rmSync(dir, { recursive: true, force: true });
  };
  return { url, offline, stop };
}

async function started(args: string[], url: string): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // Ready is when its people and their keys are there, which it says by its address.
  let said = '';
  child.stdout!.on('data', (text: Buffer) => { said += text.toString(); });
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) throw new Error(`the demo ended with ${child.exitCode}: ${said}`);
    if (said.includes(url)) return child;
    await new Promise((r) => setTimeout(r, 200));
  }
  child.kill('SIGTERM');
  throw new Error('the demo did not start');
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((r) => child.once('exit', r));
  child.kill('SIGTERM');
  await ended;
}

/** Signs a file with a key, as on the computer that holds it. Returns the line that is brought back, and the words that were shown before. */
export function signOffline(key: string, file: string): { line: string; words: string } {
  const out = execFileSync('/bin/sh', ['-c', '"$0" keys sign --type keyset --key "$1" "$2" 2>"$2.words"; cat "$2.words" >&2', program, key, file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return { line: out.trim(), words: execFileSync('cat', [`${file}.words`], { encoding: 'utf8' }) };
}
