// Prints what a browser loads, compressed as the server sends it. The first page of each route is its entry with everything that it
// imports; the limit is for scripts, since they have to run before anything is seen.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const LIMIT = 198_000;
const dist = 'dist';
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
const size = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const kB = (n) => `${(n / 1000).toFixed(1).padStart(6)} kB`;

function closure(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
}

const shell = closure('index.html');
const routes = Object.keys(manifest).filter((k) => /\/(SignIn|\w+Page)\.tsx$/.test(k));
let over = false;
console.log('first page                     script        style    (gzip)');
for (const key of [null, ...routes]) {
  const all = new Set(shell);
  if (key) for (const k of closure(key)) all.add(k);
  const scripts = [...all].reduce((n, k) => n + size(manifest[k].file), 0);
  const styles = [...new Set([...all].flatMap((k) => manifest[k].css ?? []))].reduce((n, f) => n + size(f), 0);
  over ||= scripts > LIMIT;
  console.log(`${(key ?? 'shell alone').replace('src/', '').padEnd(28)} ${kB(scripts)}   ${kB(styles)}`);
}
if (over) {
  console.error(`A first page needs more than ${LIMIT / 1000} kB of script.`);
  process.exit(1);
}
