// What the build needs after Vite: the list of files that the service worker keeps, and beside every text its brotli form, which
// the server sends as it is.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const texts = /\.(js|css|html|svg|webmanifest|json)$/;

function files(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const kept = files(dist)
  .map((path) => relative(dist, path))
  .filter((name) => !/^(\.vite|index\.html|sw\.js|files\.json)|\.br$/.test(name));
writeFileSync(join(dist, "files.json"), JSON.stringify(kept));

for (const path of files(dist)) {
  // The server fills `index.html` in for every answer; the build's own manifest stays here.
  if (!texts.test(path) || path.endsWith("index.html") || path.includes(".vite")) continue;
  const text = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
  writeFileSync(`${path}.br`, brotliCompressSync(text, { params }));
}
