// A login without a browser by the JavaScript SDK, in Node or in a fake WeChat.
//
// In: argv: JSON with `address`, `client`, `platform` ("node" or "wx"), `first` and `second` (app_login.mjs), and `codes`
// of wx.login; stdin: a line for each question. Out: a line of JSON for each question, then what the login gave.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { logIn } from "./app_login.mjs";
import { install } from "./fake_wx.mjs";

const { address, client, platform, first, second, codes } = JSON.parse(process.argv[2]);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (what, details) => {
  say({ ask: what, ...details });
  return (await lines.next()).value;
};

const seen = platform === "wx" ? install({ codes }) : null;
const { Lingpai } =
  platform === "wx" ? createRequire(import.meta.url)("../../sdk/js/lingpai.js") : await import("../../sdk/js/lingpai.mjs");
const lingpai = new Lingpai(address, client, { scope: "openid profile phone", language: "en" });
const found = await logIn(lingpai, ask, { first, second });
if (seen) Object.assign(found, { logins: seen.logins, left: Object.keys(seen.storage) });
say(found);
process.exit();
