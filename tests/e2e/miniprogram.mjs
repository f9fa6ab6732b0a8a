// A mini-program's code in a fake WeChat (fake_wx.mjs).
//
// In: argv: the folder of the mini-program; stdin: {"codes", "storage", "faults", "steps"}. A step is the body of an async
// function of `lingpai` (of utils/lingpai.js), `open` (a page by its path), `wx` and `storage`. Out: what each step gave or
// was refused with, and what fake_wx.mjs has seen, as JSON on stdout.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { install } from "./fake_wx.mjs";

const folder = path.resolve(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));
const storage = given.storage ?? {};
const seen = install({ ...given, storage });

const require = createRequire(path.join(folder, "app.js"));
const pages = new Map();
/** A new page of this file: its functions, and data of its own. */
const open = (file) => {
  globalThis.Page = (options) => pages.set(file, options);
  require(path.join(folder, file));
  const { data, ...functions } = pages.get(file);
  return {
    ...functions,
    data: JSON.parse(JSON.stringify(data)),
    setData(changes) { Object.assign(this.data, JSON.parse(JSON.stringify(changes))); },
  };
};

const AsyncFunction = (async () => {}).constructor;
const { lingpai, explain } = require(path.join(folder, "utils/lingpai.js"));
const { Refused, TransportError } = require(path.join(folder, "utils/lingpai-sdk.js"));
const results = [];
for (const step of given.steps) {
  const work = new AsyncFunction("lingpai", "open", "wx", "storage", step);
  results.push(
    await work(lingpai, open, wx, storage).then(
      (value) => ({ value: value ?? null }),
      (error) => {
        const text = explain(error);
        if (error instanceof TransportError) {
          return { refused: { status: 0, error: "network", reason: null, retryAfter: null, text } };
        }
        if (!(error instanceof Refused)) throw error;
        const { status, error: code, reason, retryAfter } = error;
        return { refused: { status, error: code, reason, retryAfter, text } };
      },
    ),
  );
}
// Timers of pages that are still open do not keep it running.
process.stdout.write(JSON.stringify({ results, ...seen }), () => process.exit());
