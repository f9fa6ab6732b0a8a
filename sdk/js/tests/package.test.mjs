// The package: its two forms, what `npm pack` puts into it, and how large it is.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import * as fromModule from "lingpai-sdk";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
// Where `make npm-clients` puts the tools.
const TOOLS = path.resolve(ROOT, "../../.cache/sdk-js/package.json");
const MOST = 12 * 1024;

test("both forms have the same names", () => {
  const fromCommonJs = createRequire(import.meta.url)("lingpai-sdk");
  assert.deepEqual(Object.keys(fromCommonJs).sort(), Object.keys(fromModule).sort());
  assert.equal(new fromCommonJs.Lingpai("https://id.example.com", "app").constructor.name, "Lingpai");
});

test("the package has what its users need, and no dependency", () => {
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: ROOT, encoding: "utf8" }));
  assert.deepEqual(packed.files.map((file) => file.path).sort(), [
    "LICENSE",
    "README.md",
    "lingpai.d.mts",
    "lingpai.d.ts",
    "lingpai.js",
    "lingpai.mjs",
    "package.json",
  ]);
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

test("it is small, and its syntax is that of ES2018", { skip: !existsSync(TOOLS) && "run `make npm-clients`" }, async (t) => {
  const tool = createRequire(TOOLS);
  for (const [name, sourceType] of [["lingpai.mjs", "module"], ["lingpai.js", "script"]]) {
    const source = readFileSync(path.join(ROOT, name), "utf8");
    tool("acorn").parse(source, { ecmaVersion: 2018, sourceType });
    const { code } = await tool("terser").minify(source, { module: true });
    const size = gzipSync(code, { level: 9 }).length;
    t.diagnostic(`${name}: ${size} bytes, minified and compressed`);
    assert.ok(size < MOST, `${name}: ${size} bytes`);
  }
});
