// A mini-program's code in a fake WeChat: `wx.request` does real HTTP, `wx.login` hands out given codes in turn.
//
// In: argv: the folder of the mini-program; stdin: {"codes", "storage", "faults", "steps"}. A fault is an address; the
// first request to it reaches the server, and its answer is lost. A step is the body of an async function of `lingpai`
// (utils/lingpai.js), `open` (a page by its path), `wx` and `storage`. Out: what each step gave or was refused with,
// the requests, the toasts and the storage, as JSON on stdout.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const folder = path.resolve(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));
const storage = given.storage ?? {};
const [codes, faults, requests, toasts] = [[...given.codes], [...(given.faults ?? [])], [], []];
let logins = 0;

// As the API's reference says: the data of a form is encoded by `content-type`, of GET into the query.
const encoded = (data) =>
  Object.entries(data).map((pair) => pair.map(encodeURIComponent).join("=")).join("&");

globalThis.wx = {
  async send({ url, method = "GET", header = {}, data, dataType = "json" }) {
    const headers = Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]));
    headers["content-type"] ??= "application/json";
    let body;
    if (data !== undefined && method === "GET") url += `?${encoded(data)}`;
    else if (data !== undefined) {
      body = headers["content-type"].includes("urlencoded") ? encoded(data) : JSON.stringify(data);
    }
    const place = new URL(url).pathname;
    const answer = await fetch(url, { method, headers, body });
    const text = await answer.text();
    requests.push([place, answer.status]);
    const lost = faults.indexOf(place);
    if (lost >= 0) {
      faults.splice(lost, 1);
      throw new Error("timeout");
    }
    let content = text;
    if (dataType === "json") try { content = JSON.parse(text); } catch { /* stays text */ }
    return { data: content, statusCode: answer.status, header: Object.fromEntries(answer.headers) };
  },
  request({ success, fail, complete, ...options }) {
    this.send(options).then(
      (res) => { success?.(res); complete?.(res); },
      (error) => { const res = { errMsg: `request:fail ${error.message}` }; fail?.(res); complete?.(res); },
    );
    return { abort() {} };
  },
  login({ success, fail } = {}) {
    logins += 1;
    const code = codes.shift();
    const res = code ? { code, errMsg: "login:ok" } : { errMsg: "login:fail" };
    if (!success && !fail) return code ? Promise.resolve(res) : Promise.reject(res);
    setTimeout(() => (code ? success?.(res) : fail?.(res)));
  },
  getStorageSync: (key) => (key in storage ? structuredClone(storage[key]) : ""),
  setStorageSync: (key, value) => { storage[key] = structuredClone(value); },
  removeStorageSync: (key) => { delete storage[key]; },
  showToast: (toast) => { toasts.push(toast); },
};

const require = createRequire(path.join(folder, "app.js"));
const open = (file) => {
  let page;
  globalThis.Page = (options) => { page = options; };
  require(path.join(folder, file));
  page.setData = function (changes) { Object.assign(this.data, changes); };
  return page;
};

const AsyncFunction = (async () => {}).constructor;
const lingpai = require(path.join(folder, "utils/lingpai.js"));
const results = [];
for (const step of given.steps) {
  const work = new AsyncFunction("lingpai", "open", "wx", "storage", step);
  results.push(
    await work(lingpai, open, wx, storage).then(
      (value) => ({ value: value ?? null }),
      (error) => {
        if (!(error instanceof lingpai.LingpaiError)) throw error;
        const { status, error: code, reason = null, retryAfter } = error;
        return { refused: { status, error: code, reason, retryAfter, text: lingpai.explain(error) } };
      },
    ),
  );
}
console.log(JSON.stringify({ results, requests, toasts, storage, logins }));
