// WeChat around a mini-program: `wx.request` does real HTTP, `wx.login` hands out given codes in turn, and what browsers
// and Node have and mini-programs have not is not there.

import { webcrypto } from "node:crypto";
import http from "node:http";

/**
 * Puts `wx` in place, and takes away what is not in WeChat.
 *
 * In: the codes, the storage, and faults. A fault is an address; the first request to it reaches the server, and its
 * answer is lost. Out: what the mini-program did: `requests` (path, status), `toasts`, `moves` (how, to which page),
 * `logins`, and its `storage`.
 */
export function install({ codes = [], storage = {}, faults = [] } = {}) {
  const seen = { requests: [], toasts: [], moves: [], logins: 0, storage };
  const { URL, structuredClone } = globalThis;
  for (const name of [
    "AbortController", "AbortSignal", "Headers", "Request", "Response", "TextDecoder", "TextEncoder", "URL", "URLSearchParams",
    "atob", "btoa", "crypto", "fetch", "navigator", "structuredClone",
  ]) delete globalThis[name];

  globalThis.wx = {
    // As the API's reference says: data that is a text is sent as it is, and of GET it would go into the query.
    async send({ url, method = "GET", header = {}, data, dataType = "json" }) {
      if (data !== undefined && (typeof data !== "string" || method === "GET")) throw new Error("not in this WeChat");
      const headers = Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]));
      headers["content-type"] ??= "application/json";
      const place = new URL(url).pathname;
      const answer = await new Promise((resolve, reject) => {
        http.request(url, { method, headers }, resolve).on("error", reject).end(data);
      });
      let text = "";
      for await (const piece of answer.setEncoding("utf8")) text += piece;
      seen.requests.push([place, answer.statusCode]);
      const lost = faults.indexOf(place);
      if (lost >= 0) {
        faults.splice(lost, 1);
        throw new Error("timeout");
      }
      let content = text;
      if (dataType === "json") try { content = JSON.parse(text); } catch { /* stays text */ }
      return { data: content, statusCode: answer.statusCode, header: answer.headers };
    },
    request({ success, fail, complete, ...options }) {
      this.send(options).then(
        (res) => { success?.(res); complete?.(res); },
        (error) => { const res = { errMsg: `request:fail ${error.message}` }; fail?.(res); complete?.(res); },
      );
      return { abort() {} };
    },
    login({ success, fail } = {}) {
      seen.logins += 1;
      const code = codes.shift();
      const res = code ? { code, errMsg: "login:ok" } : { errMsg: "login:fail" };
      if (!success && !fail) return code ? Promise.resolve(res) : Promise.reject(res);
      setTimeout(() => (code ? success?.(res) : fail?.(res)));
    },
    getRandomValues({ length, success }) {
      setTimeout(() => success({ randomValues: webcrypto.getRandomValues(new Uint8Array(length)).buffer }));
    },
    getStorageSync: (key) => (key in storage ? structuredClone(storage[key]) : ""),
    setStorageSync: (key, value) => { storage[key] = structuredClone(value); },
    removeStorageSync: (key) => { delete storage[key]; },
    showToast: (toast) => { seen.toasts.push(toast); },
    navigateTo: ({ url }) => { seen.moves.push(["navigateTo", url]); },
    reLaunch: ({ url }) => { seen.moves.push(["reLaunch", url]); },
  };
  return seen;
}
