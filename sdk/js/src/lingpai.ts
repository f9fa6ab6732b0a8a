/**
 * A client of Lingpai for browsers, Node, WeChat mini-programs and uni-app.
 *
 * In: the address of Lingpai and the id of a client without a secret. Out: logins, a session whose access token is
 * renewed when it is needed, requests that carry it, and typed errors. No error holds a token or a password.
 */

// --- Errors ---------------------------------------------------------------------------------------------------------

/** The base of all errors of a call. `name` is the name of the class. */
export class LingpaiSDKError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LingpaiSDKError";
  }
}

/** There was no answer. The request may have had its effect. */
export class TransportError extends LingpaiSDKError {
  constructor(message: string) {
    super(message);
    this.name = "TransportError";
  }
}

/** There was no answer in time. */
export class Timeout extends TransportError {
  constructor(message: string) {
    super(message);
    this.name = "Timeout";
  }
}

/** What a Refused is made of. */
export interface Refusal {
  error: string;
  description?: string;
  reason?: string | null;
  status?: number | null;
  retryAfter?: number | null;
  captcha?: Captcha | null;
  stepUp?: StepUp | null;
}

/** The server refused the request, or the login in the browser (RFC 6749 sections 4.1.2.1 and 5.2). */
export class Refused extends LingpaiSDKError {
  /** The error code, or a word for the status where the server gives none (`not_found`, `too_many_requests`, …). */
  readonly error: string;
  /** The text for people. */
  readonly description: string;
  /** Why, for programs (docs/api.md, "Reasons"); null where the server does not say. */
  readonly reason: string | null;
  /** The HTTP status; null for a login in the browser, which is refused by a redirect. */
  readonly status: number | null;
  /** The seconds to wait, where the server names them. */
  readonly retryAfter: number | null;
  /** What shows the captcha that has to be solved (`reason` is `captcha_required`). */
  readonly captcha: Captcha | null;
  /** The login that an API asks for: the options of `loginRedirect` (`error` is `insufficient_user_authentication`). */
  readonly stepUp: StepUp | null;

  constructor(found: Refusal) {
    super(found.error + ": " + (found.description || "no reason given"));
    this.name = "Refused";
    this.error = found.error;
    this.description = found.description || "";
    this.reason = found.reason || null;
    this.status = found.status === undefined ? null : found.status;
    this.retryAfter = found.retryAfter === undefined ? null : found.retryAfter;
    this.captcha = found.captcha || null;
    this.stepUp = found.stepUp || null;
  }
}

/** A login without a browser has ended: it waited too long, or an answer was lost. It has to begin anew. */
export class InvalidSession extends Refused {
  constructor(found: Refusal) {
    super(found);
    this.name = "InvalidSession";
  }
}

/** A login without a browser has to go on in one: `Challenge.loginUrl` has the address. */
export class RedirectToWeb extends Refused {
  /** The request that the authorization endpoint takes up (RFC 9126); null where no redirect URI was named. */
  readonly requestUri: string | null;
  /** How many seconds the server keeps that request. */
  readonly expiresIn: number | null;

  constructor(found: Refusal, requestUri: string | null = null, expiresIn: number | null = null) {
    super(found);
    this.name = "RedirectToWeb";
    this.requestUri = requestUri;
    this.expiresIn = expiresIn;
  }
}

/** Nobody is logged in, or the session has ended. Nothing is stored any more. */
export class LoginRequired extends LingpaiSDKError {
  /** The server's reason for ending the session (`bad_refresh_token`, …); null where there was no session. */
  readonly reason: string | null;

  constructor(reason: string | null = null) {
    super("nobody is logged in");
    this.name = "LoginRequired";
    this.reason = reason;
  }
}

/** What came is not an answer of Lingpai, or does not belong to a login that was started here. */
export class BadAnswer extends LingpaiSDKError {
  constructor(message: string) {
    super(message);
    this.name = "BadAnswer";
  }
}

/** The storage failed; `cause` is its own error. */
export class StorageError extends LingpaiSDKError {
  readonly cause: unknown;

  constructor(message: string, cause: unknown) {
    super(message);
    this.name = "StorageError";
    this.cause = cause;
  }
}

// --- Types ----------------------------------------------------------------------------------------------------------

/** A captcha to show: whose it is, and what that provider's widget takes (docs/api.md, "Captchas"). */
export interface Captcha {
  provider: string;
  [name: string]: unknown;
}

/** A login by stronger means, or a more recent one (RFC 9470 section 3). `maxAge` is in seconds. */
export interface StepUp {
  acrValues?: string;
  maxAge?: number;
}

/** The claims of an ID token (OpenID Connect Core section 2). */
export interface Claims {
  iss: string;
  sub: string;
  aud: string | string[];
  exp: number;
  iat: number;
  nonce?: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
  sid?: string;
  [name: string]: unknown;
}

/** The tokens of a session. */
export interface Tokens {
  accessToken: string;
  /** null where the client gets none. */
  refreshToken: string | null;
  /** When the access token ends: milliseconds since 1970 by this device's clock. */
  expiresAt: number;
  scope: string[];
  /** With the scope `openid`. */
  idToken: string | null;
  /** The claims of the ID token. */
  claims: Claims | null;
}

/** A user, as `/users/current` describes it. */
export interface User {
  id: number;
  username: string | null;
  phone: string | null;
  openId: string | null;
  roles: { id: number; name: string }[];
  /** `yyyy-MM-dd HH:mm:ss`, in the deployment's time zone. */
  created: string;
}

/** Where a session is kept. The methods may return promises. */
export interface TokenStorage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): unknown;
  remove(key: string): unknown;
  /** Runs `work` alone among all who share this storage and use this name. Without it, one object at a time is assumed. */
  lock?<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** A request to send; `timeout` is in milliseconds. */
export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  timeout: number;
}

/** The answer to a request. The names of `headers` are in lower case. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Sends a request. Rejects with a TransportError if there is no answer. */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>;

/** What is used of `wx` and `uni`. */
export interface MiniProgram {
  request(options: any): unknown;
  login(options: any): unknown;
  getStorageSync(key: string): any;
  setStorageSync(key: string, value: any): void;
  removeStorageSync(key: string): void;
  getRandomValues?(options: any): unknown;
}

/** The settings of a client, all optional. */
export interface LingpaiOptions {
  /** The scopes of logins that name none. */
  scope?: string | string[];
  /** Where the browser comes back to after a login: an address of the client's record. */
  redirectUri?: string;
  /** Where the browser comes back to after a logout: an address of the client's record. */
  postLogoutRedirectUri?: string;
  /** Origins that may get the access token, beside Lingpai's and the page's own: `["https://api.example.com"]`. */
  apis?: string[];
  /** The default: `sessionStorage` in browsers, the local storage of mini-programs, else the memory. */
  storage?: TokenStorage;
  /** Where a login waits for the browser to come back. The default: `sessionStorage` in browsers, else `storage`. */
  loginStorage?: TokenStorage;
  /** The default: `fetch`, or the `request` of mini-programs. */
  transport?: Transport;
  /** The issuer, if it is not the address of Lingpai. */
  issuer?: string;
  /** The language of error texts: `zh` or `en`. */
  language?: string;
  /** How long a request may take, in milliseconds: 15000. */
  timeout?: number;
  /** How many seconds before its end an access token is renewed: 5. */
  leeway?: number;
  /** Lets plain http be used for other hosts than this machine. */
  allowHttp?: boolean;
  /** Logs in again, without asking the user, where a call would throw LoginRequired. It may call the logins alone. */
  relogin?: (lingpai: Lingpai) => Promise<Tokens>;
  /** Called after a login, a renewal, and (with null) the end of the session. */
  onChange?: (tokens: Tokens | null) => void;
  /** Called when tokens could not be stored or removed; they are then kept in the memory. The default is a warning on the console. */
  onStorageError?: (error: StorageError) => void;
}

/** What a login without a browser may ask for. It needs a redirect URI only to go on in a browser where it has to. */
export interface ChallengeOptions {
  scope?: string | string[];
  redirectUri?: string;
  /** The highest age of the login, in seconds. */
  maxAge?: number;
  acrValues?: string;
  /** The APIs that the access token is for (RFC 8707). */
  resource?: string | string[];
  /** Anything that JSON can hold; `finishLogin` gives it back. */
  appState?: unknown;
}

/** What a login in the browser may ask for (OpenID Connect Core section 3.1.2.1). */
export interface LoginOptions extends ChallengeOptions {
  prompt?: "none" | "login" | "consent" | "select_account";
  loginHint?: string;
  uiLocales?: string;
}

/** The login is finished: its session is stored, as after any other login. */
export interface LoggedIn {
  done: true;
  tokens: Tokens;
}

/** The login goes on. */
export interface NextStep {
  done: false;
  /** What the server takes now: `mobile`, `code`, `password`, `js_code`, `id_token`, `passkey`, `totp`, `recovery_code`, `captcha`. */
  next: string[];
  /** Why, for programs: `factor_required`, `captcha_required`, `bad_captcha`; null where the server does not say. */
  reason: string | null;
  /** What shows the captcha that has to be solved before a code is sent. */
  captcha: Captcha | null;
  /** What `navigator.credentials.get` takes, as JSON; `passkeyOptions` asks for it. */
  passkeyOptions: PasskeyOptions | null;
  /** The seconds until another code can be sent, after one was. */
  resendIn: number | null;
  /** The seconds in which the login has to go on. */
  expiresIn: number | null;
}

/** What a step of a login without a browser led to. */
export type ChallengeResult = LoggedIn | NextStep;

/** The options of WebAuthn as JSON (`PublicKeyCredentialRequestOptionsJSON`): for `navigator.credentials.get`. */
export interface PasskeyOptions {
  challenge: string;
  rpId?: string;
  allowCredentials?: { id: string; type: string; transports?: string[] }[];
  [name: string]: unknown;
}

/** What a finished login in the browser gives. */
export interface LoginResult {
  tokens: Tokens;
  appState: unknown;
}

/** What a logout in the browser may ask for (OpenID Connect RP-Initiated Logout 1.0 section 2). */
export interface LogoutOptions {
  postLogoutRedirectUri?: string;
  state?: string;
}

/** The scopes of a login; without them those of the client. */
export interface ScopeOptions {
  scope?: string | string[];
}

/** What may go with a request for a code. */
export interface CodeOptions {
  /** `login`, `link`, `reset` or `change` (docs/api.md, "Codes"). */
  purpose?: string;
  /** The solution of the captcha that a Refused named. */
  captcha?: string;
}

/** A request to an API. One of `form` and `json` is the body; `headers` may name its type, and `body` is sent as it is. */
export interface ApiRequest {
  /** GET without a body, else POST. */
  method?: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
  json?: unknown;
  body?: string;
}

// --- Platforms ------------------------------------------------------------------------------------------------------

declare const wx: MiniProgram;
declare const uni: MiniProgram;

const isBrowser = (): boolean => typeof document !== "undefined" && typeof fetch === "function";

/** The object of the mini-program's platform. In a browser `wx` is another library, and `uni` stands on `fetch`. */
function miniProgram(): MiniProgram | null {
  if (isBrowser()) return null;
  if (typeof uni !== "undefined") return uni;
  return typeof wx === "undefined" ? null : wx;
}

/** Keeps a session as long as the program runs. */
export function memoryStorage(): TokenStorage {
  const kept = new Map<string, string>();
  return {
    get: (key) => kept.get(key),
    set: (key, value) => kept.set(key, value),
    remove: (key) => kept.delete(key),
  };
}

/** How long a tab waits for another one's lock, in milliseconds. The server then answers both with the same tokens. */
const LOCK_PATIENCE = 30000;

/**
 * Keeps a session in the browser: `local` for all tabs, also after the browser was closed; `session` for this tab.
 *
 * All tabs share one lock (Web Locks API). A browser that has none is left to the server, which repeats its answer to
 * two tabs that refresh at once.
 */
export function webStorage(kind: "local" | "session"): TokenStorage {
  // Looked up by each call: where cookies are blocked, this already throws.
  const area = () => (kind === "local" ? localStorage : sessionStorage);
  const storage: TokenStorage = {
    get: (key) => area().getItem(key),
    set: (key, value) => area().setItem(key, value),
    remove: (key) => area().removeItem(key),
  };
  if (kind === "local") storage.lock = lockTabs;
  return storage;
}

/** How long what another tab has stored may take to arrive here, in milliseconds: a lock may be given up sooner. */
const STORAGE_DELAY = 100;

async function lockTabs<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (typeof navigator === "undefined" || !navigator.locks) return work();
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), LOCK_PATIENCE);
  let started = false;
  const alone = () => {
    started = true;
    clearTimeout(timer);
    return work();
  };
  const after = async () => {
    started = true;
    await new Promise((resolve) => setTimeout(resolve, STORAGE_DELAY));
    return alone();
  };
  try {
    const held = (await navigator.locks.query()).held || [];
    const isHeld = held.some((lock) => lock.name === name);
    return await navigator.locks.request(name, { signal: patience.signal }, isHeld ? after : alone);
  } catch (error) {
    // Another tab sleeps with the lock, or this page may have none.
    if (!started) return alone();
    throw error;
  }
}

/** Keeps a session in the local storage of a mini-program: `appStorage(wx)`, `appStorage(uni)`. */
export function appStorage(app: MiniProgram): TokenStorage {
  return {
    get: (key) => app.getStorageSync(key),
    set: (key, value) => app.setStorageSync(key, value),
    remove: (key) => app.removeStorageSync(key),
  };
}

/** Sends by `fetch`. Redirects are not followed: what is sent is meant for this address alone. */
export function fetchTransport(send?: typeof fetch): Transport {
  return async ({ method, url, headers, body, timeout }) => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    try {
      const options: RequestInit = { method, headers, body, signal: late.signal };
      const answer = await (send || fetch)(url, { ...options, redirect: "error", credentials: "omit", cache: "no-store" });
      const found: Record<string, string> = {};
      answer.headers.forEach((value, name) => {
        found[name.toLowerCase()] = value;
      });
      return { status: answer.status, headers: found, body: await answer.text() };
    } catch (error) {
      throw noAnswer(late.signal.aborted, method, url);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Sends by the `request` of a mini-program: `appTransport(wx)`, `appTransport(uni)`. */
export function appTransport(app: MiniProgram): Transport {
  return ({ method, url, headers, body, timeout }) =>
    new Promise((resolve, reject) => {
      app.request({
        method,
        url,
        header: headers,
        data: body,
        timeout,
        dataType: "text",
        success(answer: any) {
          const found: Record<string, string> = {};
          for (const name of Object.keys(answer.header || {})) found[name.toLowerCase()] = String(answer.header[name]);
          const text = typeof answer.data === "string" ? answer.data : JSON.stringify(answer.data);
          resolve({ status: answer.statusCode, headers: found, body: text || "" });
        },
        fail(answer: any) {
          reject(noAnswer(/time(d )?out/i.test((answer && answer.errMsg) || ""), method, url));
        },
      });
    });
}

function noAnswer(late: boolean, method: string, url: string): TransportError {
  const what = method + " " + url.split(/[?#]/)[0];
  return late ? new Timeout(what + ": no answer in time") : new TransportError(what + ": no answer");
}

/** So many bytes from the platform's generator of random numbers for cryptography. */
function randomBytes(count: number): Promise<Uint8Array> {
  if (typeof crypto !== "undefined") {
    return Promise.resolve(crypto.getRandomValues(new Uint8Array(count)));
  }
  const app = miniProgram();
  return new Promise((resolve, reject) => {
    const fail = () => reject(new LingpaiSDKError("this platform has no random numbers for cryptography"));
    if (!app || !app.getRandomValues) return fail();
    app.getRandomValues({
      length: count,
      success: (found: any) => resolve(new Uint8Array(found.randomValues)),
      fail,
    });
  });
}

// --- Encodings ------------------------------------------------------------------------------------------------------
// Mini-programs have neither URL, URLSearchParams, TextDecoder, atob nor crypto.subtle, which http pages do not have either.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Base64url without padding (RFC 4648 section 5). */
function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
    const digits = Math.min(4, bytes.length - i + 1);
    for (let digit = 0; digit < digits; digit++) text += ALPHABET[(group >> (18 - 6 * digit)) & 63];
  }
  return text;
}

/** The bytes that are encoded as base64url; throws BadAnswer for anything else. */
function decodeBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 6) >> 3);
  let [at, bits, held] = [0, 0, 0];
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) throw new BadAnswer("not base64url");
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return bytes;
}

/** The text that is encoded as UTF-8; throws for anything else. */
function decodeText(bytes: Uint8Array): string {
  let escaped = "";
  bytes.forEach((byte) => {
    escaped += "%" + byte.toString(16).padStart(2, "0");
  });
  return decodeURIComponent(escaped);
}

/** The SHA-256 digest (FIPS 180-4 section 6.2). */
export function sha256(message: Uint8Array): Uint8Array {
  // The first 32 bits of the fractional parts of the square roots (of 8) and cube roots (of 64) of the first primes.
  const [state, constants]: number[][] = [[], []];
  for (let candidate = 2; constants.length < 64; candidate++) {
    let prime = true;
    for (let factor = 2; factor * factor <= candidate; factor++) prime = prime && candidate % factor !== 0;
    if (!prime) continue;
    if (state.length < 8) state.push((Math.pow(candidate, 1 / 2) * 4294967296) | 0);
    constants.push((Math.pow(candidate, 1 / 3) * 4294967296) | 0);
  }
  const padded = new Uint8Array(((message.length + 72) >> 6) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(message.length / 0x20000000));
  view.setUint32(padded.length - 4, message.length << 3);

  const rotate = (word: number, by: number) => (word >>> by) | (word << (32 - by));
  const words = new Int32Array(64);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [x, y] = [words[i - 15], words[i - 2]];
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + words[i];
      const t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
      state[i] = (state[i] + word) | 0;
    });
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setInt32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

type Fields = Record<string, string | string[] | number | null | undefined>;

/** The fields that have a value, as a form or a query. */
function encodeForm(fields: Fields): string {
  const pairs: string[] = [];
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined || value === null || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      pairs.push(encodeURIComponent(name) + "=" + encodeURIComponent(each));
    }
  }
  return pairs.join("&");
}

/** The parameters in the query of an address; throws BadAnswer for one that cannot be read. */
function parseQuery(url: string): Record<string, string> {
  const found: Record<string, string> = {};
  const query = url.split("#")[0].split("?").slice(1).join("?");
  for (const pair of query.split("&")) {
    const [name, value] = [pair.split("=")[0], pair.split("=").slice(1).join("=")];
    try {
      found[decodeURIComponent(name)] = decodeURIComponent(value.replace(/\+/g, " "));
    } catch (error) {
      throw new BadAnswer("the address cannot be read");
    }
  }
  return found;
}

const words = (value: string | string[] | undefined): string =>
  value === undefined ? "" : typeof value === "string" ? value : value.join(" ");

// --- Answers --------------------------------------------------------------------------------------------------------

/** What a refusal is called where the server gives only a status and a text for people. */
const CODES: Record<number, string> = {
  400: "bad_request",
  401: "unauthorized",
  403: "access_denied",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  429: "too_many_requests",
  500: "server_error",
  503: "temporarily_unavailable",
};

function parseJson(text: string): any {
  try {
    return JSON.parse(text);
  } catch (error) {
    return undefined;
  }
}

/** The seconds of Retry-After (RFC 9110 section 10.2.3: seconds or a date); null without a readable one. */
function retryAfter(answer: HttpAnswer): number | null {
  const said = answer.headers["retry-after"] || "";
  if (/^\d+$/.test(said)) return Number(said);
  const at = Date.parse(said);
  return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000);
}

/** The answer's JSON (or text, if it is none); throws Refused for a status that is not 2xx. */
function content(answer: HttpAnswer): any {
  const found = parseJson(answer.body);
  if (answer.status >= 200 && answer.status < 300) return found === undefined ? answer.body : found;
  throw new Refused(refusal(answer));
}

/** What an answer says that is none of success. */
function refusal(answer: HttpAnswer): Refusal {
  const found = parseJson(answer.body);
  const body = found && typeof found === "object" ? found : {};
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, 300) : "");
  // RFC 6749 section 5.2. Where the body has `status`, `error` is a text for people.
  const named = body.status === undefined && /^[!#-[\]-~]{1,64}$/.test(text(body.error));
  return {
    error: named ? body.error : CODES[answer.status] || "http_" + answer.status,
    description: text(named ? body.error_description || body.message : body.error || body.message),
    reason: text(body.reason),
    status: answer.status,
    retryAfter: retryAfter(answer),
    captcha: body.captcha && typeof body.captcha === "object" ? body.captcha : null,
    stepUp: stepUp(answer.headers["www-authenticate"]),
  };
}

/** The login that a challenge asks for; null if it asks for none. */
function stepUp(challenge: string | null | undefined): StepUp | null {
  if (!challenge || !/error="?insufficient_user_authentication/.test(challenge)) return null;
  const [, acrValues] = /acr_values="([^"]*)"/.exec(challenge) || [];
  const [, maxAge] = /max_age="?(\d+)/.exec(challenge) || [];
  return { acrValues, maxAge: maxAge === undefined ? undefined : Number(maxAge) };
}

/** Whether a new access token may help. It does not where the user has to log in again. */
function wantsNewToken(status: number, challenge: string | null | undefined): boolean {
  return status === 401 && !stepUp(challenge);
}

function readClaims(idToken: string): Claims {
  const claims = parseJson(decodeText(decodeBase64url(idToken.split(".")[1] || "")));
  if (!claims || typeof claims.sub !== "string") throw new BadAnswer("the ID token has no subject");
  return claims;
}

// --- Passkeys -------------------------------------------------------------------------------------------------------

/** Ask this browser for a passkey: its answer as JSON (WebAuthn level 3 section 5.1). What the browser throws is thrown on. */
async function askForPasskey(options: PasskeyOptions): Promise<string> {
  const allowed = (options.allowCredentials || []).map((known) => ({ ...known, id: decodeBase64url(known.id) }));
  const publicKey = { ...options, challenge: decodeBase64url(options.challenge), allowCredentials: allowed };
  const made = (await navigator.credentials.get({ publicKey } as CredentialRequestOptions)) as PublicKeyCredential;
  const given = made.response as AuthenticatorAssertionResponse;
  const response: Record<string, string> = {};
  for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle"] as const) {
    const bytes = given[name];
    if (bytes) response[name] = base64url(new Uint8Array(bytes));
  }
  return JSON.stringify({ id: made.id, rawId: base64url(new Uint8Array(made.rawId)), type: made.type, response });
}

// --- A login without a browser --------------------------------------------------------------------------------------

/** What a `Challenge` needs of the client that made it. */
interface ChallengeClient {
  newLogin(): Promise<PendingLogin>;
  /** Send a step; the authorization request goes with it where there is no `auth_session`. */
  send(login: PendingLogin, authSession: string | null, step: Fields): Promise<HttpAnswer>;
  redeem(code: string, login: PendingLogin): Promise<Tokens>;
  loginUrl(web: WebLogin | null): Promise<string>;
}

/** A login that goes on in the browser, and the request that the server keeps for it. */
interface WebLogin {
  login: PendingLogin;
  requestUri: string;
}

/**
 * A login in the app itself, in steps: one factor, and a second one where the account has it.
 *
 * Made by `Lingpai.challenge`, for one login of one person. Each step gives the tokens, or what comes next. A wrong code
 * or password is a Refused, after which the step can be taken again. After InvalidSession the login begins anew: the next
 * step has to be a first one. After RedirectToWeb it goes on in a browser.
 *
 * No step is sent twice by itself, as its code may have been used up; one that is asked for twice at once is sent once.
 * After a TransportError it can be taken again: if it had had its effect, it is an InvalidSession, or the code is wrong.
 */
export class Challenge {
  readonly #client: ChallengeClient;
  #login: PendingLogin | null = null;
  #authSession: string | null = null;
  #web: WebLogin | null = null;
  /** The step that was begun last, and what it was asked for with: the next one waits for its end. */
  #last: { key: string; result: Promise<ChallengeResult> } | null = null;

  /** For `Lingpai.challenge`. */
  constructor(client: ChallengeClient) {
    this.#client = client;
  }

  /** What may come now. Changes nothing. */
  nextStep(): Promise<ChallengeResult> {
    return this.#step("nextStep", [], () => this.#take({}));
  }

  /** Have a code sent to the mobile number; again for a new one. `captcha` is the solution of the captcha that was asked for. */
  sendCode(mobile: string, { captcha }: { captcha?: string } = {}): Promise<ChallengeResult> {
    return this.#step("mobile", [mobile, captcha], () => this.#take({ mobile, captcha }));
  }

  /** The code that was sent. */
  code(code: string): Promise<ChallengeResult> {
    return this.#step("code", [code], () => this.#takeLater({ code }));
  }

  /** A username or mobile number and a password. */
  password(username: string, password: string): Promise<ChallengeResult> {
    return this.#step("password", [username && password, username], () => this.#take({ username, password }));
  }

  /** The person of `wx.login` or `uni.login`, and the number of the `code` that a button `getPhoneNumber` gives. */
  wechat({ phoneCode }: { phoneCode?: string } = {}): Promise<ChallengeResult> {
    return this.#step("wechat", ["wx.login", phoneCode], async () => {
      const app = miniProgram();
      if (!app) throw new TypeError("wechat: there is neither wx nor uni");
      return this.#take({ js_code: await loginCode(app), phone_code: phoneCode });
    });
  }

  /** An ID token of the client's OpenID provider, and the nonce that it was asked for with. */
  idToken(idToken: string, nonce?: string): Promise<ChallengeResult> {
    return this.#step("idToken", [idToken, nonce], () => this.#take({ id_token: idToken, id_token_nonce: nonce }));
  }

  /** Ask for the options of a passkey, for an app that asks its platform for one by itself. */
  passkeyOptions(): Promise<ChallengeResult> {
    return this.#step("passkeyOptions", [], () => this.#take({ passkey_options: "true" }));
  }

  /**
   * A passkey, as a first or a second factor: the platform's answer to the options (JSON, or its text).
   *
   * Without one the browser is asked for it; what it throws is thrown on (`NotAllowedError`: nobody answered).
   */
  passkey(answer?: string | object): Promise<ChallengeResult> {
    const text = answer === undefined || typeof answer === "string" ? answer : JSON.stringify(answer);
    return this.#step("passkey", [text === undefined ? "the browser's" : text], async () => {
      if (text !== undefined) return this.#take({ passkey: text });
      if (typeof navigator === "undefined" || !navigator.credentials) {
        throw new TypeError("passkey: this platform has none by itself");
      }
      const asked = await this.#take({ passkey_options: "true" });
      if (asked.done || !asked.passkeyOptions) throw new BadAnswer("the answer has no options of a passkey");
      return this.#take({ passkey: await askForPasskey(asked.passkeyOptions) });
    });
  }

  /** The code of an authenticator app, as a second factor. */
  totp(code: string): Promise<ChallengeResult> {
    return this.#step("totp", [code], () => this.#takeLater({ totp: code }));
  }

  /** A recovery code, as a second factor. */
  recoveryCode(code: string): Promise<ChallengeResult> {
    return this.#step("recoveryCode", [code], () => this.#takeLater({ recovery_code: code }));
  }

  /**
   * The address at which the login goes on in a browser after a RedirectToWeb, like that of `Lingpai.loginUrl`;
   * `Lingpai.finishLogin` finishes it. Throws TypeError without a redirect URI.
   */
  loginUrl(): Promise<string> {
    return this.#client.loginUrl(this.#web);
  }

  /** Leave the page to go on there. */
  async loginRedirect(): Promise<void> {
    location.assign(await this.loginUrl());
  }

  /** Take the step when the one before it has ended. Asked for twice at once, it is taken once. The first value may not be empty. */
  #step(name: string, values: (string | undefined)[], work: () => Promise<ChallengeResult>): Promise<ChallengeResult> {
    if (values.length > 0 && !values[0]) return Promise.reject(new TypeError(name + ": must not be empty"));
    const key = JSON.stringify([name, ...values]);
    if (this.#last && this.#last.key === key) return this.#last.result;
    const before = this.#last ? this.#last.result : Promise.resolve();
    const step = { key, result: before.then(work, work) };
    this.#last = step;
    const ended = () => {
      if (this.#last === step) this.#last = null;
    };
    step.result.then(ended, ended);
    return step.result;
  }

  /** A step that needs one before it. */
  async #takeLater(step: Fields): Promise<ChallengeResult> {
    if (!this.#authSession) {
      throw new InvalidSession({ error: "invalid_session", description: "the login has to begin anew" });
    }
    return this.#take(step);
  }

  async #take(step: Fields): Promise<ChallengeResult> {
    const login = this.#login || (this.#login = await this.#client.newLogin());
    const answer = await this.#client.send(login, this.#authSession, step);
    const found = parseJson(answer.body) || {};
    if (typeof found.auth_session === "string") this.#authSession = found.auth_session;
    if (found.error === "insufficient_authorization") return whatNext(found);
    if (found.error === "redirect_to_web") {
      const requestUri = typeof found.request_uri === "string" ? found.request_uri : null;
      this.#forget();
      this.#web = requestUri ? { login, requestUri } : null;
      throw new RedirectToWeb(refusal(answer), requestUri, seconds(found.expires_in));
    }
    if (found.error === "invalid_session") {
      this.#forget();
      throw new InvalidSession(refusal(answer));
    }
    content(answer);
    if (typeof found.authorization_code !== "string") throw new BadAnswer("the answer has no code");
    // The code has used the login up, whatever comes of it.
    this.#forget();
    return { done: true, tokens: await this.#client.redeem(found.authorization_code, login) };
  }

  #forget(): void {
    this.#login = this.#authSession = this.#web = null;
  }
}

const seconds = (value: unknown): number | null => (typeof value === "number" ? value : null);

/** The answer to a step that was not the last one. */
function whatNext(found: any): NextStep {
  const inside = (value: any) => (value && typeof value === "object" ? value : null);
  return {
    done: false,
    next: Array.isArray(found.next) ? found.next.map(String) : [],
    reason: typeof found.reason === "string" ? found.reason : null,
    captcha: inside(found.captcha),
    passkeyOptions: inside(found.passkey_options),
    resendIn: seconds(found.resend_in),
    expiresIn: seconds(found.auth_session_expires_in),
  };
}

// --- The client -----------------------------------------------------------------------------------------------------

/** How often a request is repeated whose answer was lost, the first pause (ms), and for how long after the first sending (ms). */
const [RETRIES, FIRST_PAUSE, REPEAT_WITHIN] = [2, 200, 20000];

/** The longest Retry-After of a 503 that is waited for, in seconds. */
const LONGEST_PAUSE = 5;

/** What is kept until a login has its code: in the storage, until the browser comes back, or in the memory. */
interface PendingLogin {
  state: string;
  nonce: string;
  verifier: string;
  redirectUri?: string;
  appState: unknown;
}

/**
 * A client of Lingpai with the session of one user.
 *
 * Make one for the program and share it: calls at the same time renew the tokens once.
 */
export class Lingpai {
  private readonly baseUrl: string;
  private readonly issuer: string;
  private readonly origins: string[];
  private readonly storage: TokenStorage;
  private readonly loginStorage: TokenStorage;
  private readonly transport: Transport;
  private readonly key: string;
  /** Tokens that could not be stored. */
  private unsaved: Tokens | null = null;
  /** The renewal that is under way: all who need one wait for it. */
  private renewing: Promise<Tokens> | null = null;
  /** The last change of the session that was begun: the next one waits for its end. */
  private queue: Promise<unknown> = Promise.resolve();
  private finishing: { state: string; result: Promise<LoginResult> } | null = null;

  /** Throws TypeError for an address that is none, or that would send tokens in clear. */
  constructor(
    baseUrl: string,
    private readonly clientId: string,
    private readonly options: LingpaiOptions = {},
  ) {
    this.baseUrl = checkedAddress("baseUrl", baseUrl, options.allowHttp);
    if (!clientId) throw new TypeError("clientId: must not be empty");
    this.issuer = options.issuer || this.baseUrl;
    const apis = (options.apis || []).map((api) => checkedAddress("apis", api, options.allowHttp));
    this.origins = [this.baseUrl, ...apis].map((url) => url.split("/").slice(0, 3).join("/"));
    if (isBrowser() && /^https?:/.test(location.origin)) this.origins.push(location.origin);
    const app = miniProgram();
    this.storage =
      options.storage || (app ? appStorage(app) : isBrowser() ? webStorage("session") : memoryStorage());
    this.loginStorage = options.loginStorage || (isBrowser() ? webStorage("session") : this.storage);
    this.transport = options.transport || (app ? appTransport(app) : fetchTransport());
    this.key = "lingpai:" + clientId + "@" + this.baseUrl;
  }

  // --- Login in a browser ---

  /**
   * The address to log in at: an authorization request with PKCE, state and nonce. `finishLogin` needs what is stored here.
   *
   * Throws TypeError without a redirect URI, StorageError if nothing can be stored.
   */
  async loginUrl(options: LoginOptions = {}): Promise<string> {
    const login = await this.newLogin(options);
    return this.authorizeUrl(login, {
      ...this.authorizationRequest(login, options),
      prompt: options.prompt,
      login_hint: options.loginHint,
      ui_locales: options.uiLocales,
    });
  }

  private async newLogin({ redirectUri, appState }: ChallengeOptions): Promise<PendingLogin> {
    const [state, nonce, verifier] = await Promise.all([32, 32, 32].map(async (n) => base64url(await randomBytes(n))));
    return { state, nonce, verifier, redirectUri: redirectUri || this.options.redirectUri, appState };
  }

  private authorizationRequest(login: PendingLogin, options: ChallengeOptions): Fields {
    return {
      response_type: "code",
      redirect_uri: login.redirectUri,
      scope: words(options.scope === undefined ? this.options.scope : options.scope),
      // Only who is sent back to a redirect URI is told it.
      state: login.redirectUri && login.state,
      nonce: login.nonce,
      code_challenge: base64url(sha256(Uint8Array.from(login.verifier, (character) => character.charCodeAt(0)))),
      code_challenge_method: "S256",
      max_age: options.maxAge,
      acr_values: options.acrValues,
      resource: options.resource,
    };
  }

  /** Keep the login until the browser comes back from this address. */
  private async authorizeUrl(login: PendingLogin, request: Fields): Promise<string> {
    if (!login.redirectUri) throw new TypeError("redirectUri: is needed to log in in a browser");
    await guarded("store the login", () => this.loginStorage.set(this.key + ".login", JSON.stringify(login)));
    return this.baseUrl + "/oauth/authorize?" + encodeForm({ client_id: this.clientId, ...request });
  }

  /** Leave the page to log in. The browser comes back to the redirect URI, where `finishLogin` has to be called. */
  async loginRedirect(options: LoginOptions = {}): Promise<void> {
    location.assign(await this.loginUrl(options));
  }

  /**
   * Finish the login whose answer is in this address: of the page by default, whose address bar is then cleaned.
   *
   * null where the address holds no answer, so a page can always call it when it starts. Throws Refused for a login
   * that was refused (`access_denied`, `login_required`, …), and BadAnswer for an answer to no login of this browser
   * or by another issuer (RFC 9207).
   */
  async finishLogin(url?: string): Promise<LoginResult | null> {
    const answer = parseQuery(url === undefined ? location.href : url);
    if (!answer.state || !(answer.code || answer.error)) return null;
    // A page that asks twice at its start (React's StrictMode) gets one result.
    if (!this.finishing || this.finishing.state !== answer.state) {
      this.finishing = { state: answer.state, result: this.finish(answer) };
    }
    const { result } = this.finishing;
    try {
      return await result;
    } finally {
      if (url === undefined) cleanAddress();
    }
  }

  private async finish(answer: Record<string, string>): Promise<LoginResult> {
    const key = this.key + ".login";
    const text = await guarded("read the login", () => this.loginStorage.get(key));
    const pending: PendingLogin | undefined = text ? parseJson(text) : undefined;
    if (!pending || pending.state !== answer.state) throw new BadAnswer("the answer is to no login of this browser");
    if (answer.iss !== this.issuer) throw new BadAnswer("the answer is not by " + this.issuer);
    await guarded("remove the login", () => this.loginStorage.remove(key));
    if (answer.error) throw new Refused({ error: answer.error, description: answer.error_description });
    return { tokens: await this.redeem(answer.code, pending), appState: pending.appState };
  }

  /** Redeem the code of a login, and begin its session. */
  private async redeem(code: string, { redirectUri, verifier, nonce }: PendingLogin): Promise<Tokens> {
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
    // The server answers a repeated request for 30 seconds.
    const tokens = await this.issue("/oauth/token", form, true);
    if (tokens.claims && tokens.claims.nonce !== nonce) throw new BadAnswer("the ID token is for another login");
    await this.begin(tokens);
    return tokens;
  }

  // --- Login without a browser ---

  /**
   * Begin a login in the app itself, by steps (`Challenge`): password, SMS code, WeChat, passkey, and a second factor.
   *
   * Nothing is sent before the first step. The client's record must be `first_party` and have the grant `challenge`.
   */
  challenge(options: ChallengeOptions = {}): Challenge {
    return new Challenge({
      newLogin: () => this.newLogin(options),
      send: (login, authSession, step) => {
        const begun = authSession ? { auth_session: authSession } : this.authorizationRequest(login, options);
        return this.postForm("/oauth/challenge", { ...begun, ...step }, false);
      },
      redeem: (code, login) => this.redeem(code, login),
      loginUrl: (web) => (web ? this.authorizeUrl(web.login, { request_uri: web.requestUri }) : this.loginUrl(options)),
    });
  }

  // --- Login of first-party apps ---

  /** Log in by a username or mobile number and a password. The client's record must have the grant. */
  password(username: string, password: string, options: ScopeOptions = {}): Promise<Tokens> {
    return this.logIn("/oauth/token", { grant_type: "password", username, password }, options);
  }

  /** Have a code sent to the mobile number. Refused with `captcha` where a captcha has to be solved first. */
  async sendCode(mobile: string, options: CodeOptions = {}): Promise<void> {
    await this.post("/mobile/code/get", { mobile, purpose: options.purpose, captcha: options.captcha });
  }

  /** Tell whether the code is the one sent to the number: throws Refused if not. Counts as a guess. */
  async verifyCode(mobile: string, code: string): Promise<void> {
    await this.post("/mobile/code/verify", { mobile, code });
  }

  /** Log in by the code sent to the mobile number. The first login creates the account. */
  mobileCode(mobile: string, code: string, options: ScopeOptions = {}): Promise<Tokens> {
    return this.logIn("/mobile/token", { mobile, code }, options);
  }

  /** Log in by a third party's credential: the `js_code` of a mini-program, or an ID token and its `nonce`. */
  sign(sign: string, options: ScopeOptions & { nonce?: string } = {}): Promise<Tokens> {
    return this.logIn("/sign/token", { sign, nonce: options.nonce }, options);
  }

  /**
   * Log in by `wx.login` or `uni.login` in a mini-program, without asking the user.
   *
   * Its code works once: after a lost answer, and where WeChat does not know the code, one more is tried.
   */
  async wxLogin(options: ScopeOptions = {}): Promise<Tokens> {
    const app = miniProgram();
    if (!app) throw new TypeError("wxLogin: there is neither wx nor uni");
    const attempt = async () => this.sign(await loginCode(app), options);
    try {
      return await attempt();
    } catch (error) {
      const used = error instanceof Refused && (error.reason === "sign_used" || error.reason === "sign_unknown");
      if (used || error instanceof TransportError) return attempt();
      throw error;
    }
  }

  private async logIn(path: string, form: Fields, { scope }: ScopeOptions): Promise<Tokens> {
    const asked = words(scope === undefined ? this.options.scope : scope);
    const tokens = await this.issue(path, { ...form, scope: asked }, false);
    await this.begin(tokens);
    return tokens;
  }

  // --- The session ---

  /** The tokens as they are stored; null if nobody is logged in. */
  tokens(): Promise<Tokens | null> {
    return this.load();
  }

  /** An access token that is good for some seconds at least, renewed if need be. Throws LoginRequired. */
  async accessToken(): Promise<string> {
    return (await this.current()).accessToken;
  }

  /** Renew the tokens now. Throws LoginRequired. */
  async refresh(): Promise<Tokens> {
    return this.renew(await this.load());
  }

  /**
   * `fetch` with the access token. After a 401 the tokens are renewed and the request is sent once more.
   *
   * Throws TypeError for an address that may not get the token (`apis`), and LoginRequired.
   */
  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    this.checkTarget(request.url);
    const send = (asked: Request, { accessToken }: Tokens) => {
      asked.headers.set("Authorization", "Bearer " + accessToken);
      return fetch(asked);
    };
    const tokens = await this.current();
    const answer = await send(request.clone(), tokens);
    if (!wantsNewToken(answer.status, answer.headers.get("www-authenticate"))) return answer;
    if (answer.body) await answer.body.cancel();
    return send(request, await this.renew(tokens));
  }

  /**
   * A request with the access token on any platform: the JSON of the answer, or its text.
   *
   * An address that begins with `/` is Lingpai's. After a 401 the tokens are renewed and the request is sent once more.
   * Throws Refused for any other status than 2xx, TypeError for an address that may not get the token, LoginRequired.
   */
  async request<T = any>(url: string, options: ApiRequest = {}): Promise<T> {
    const target = url[0] === "/" ? this.baseUrl + url : url;
    this.checkTarget(target);
    const { form, json } = options;
    const body = form ? encodeForm(form) : json === undefined ? options.body : JSON.stringify(json);
    const method = options.method || (body === undefined ? "GET" : "POST");
    const type = form ? FORM : json === undefined ? null : { "content-type": "application/json" };
    const send = ({ accessToken }: Tokens) => {
      const headers = { ...this.headers(), ...type, ...options.headers, authorization: "Bearer " + accessToken };
      return this.send({ method, url: target, headers, body }, method === "GET");
    };
    const tokens = await this.current();
    const answer = await send(tokens);
    const refused = wantsNewToken(answer.status, answer.headers["www-authenticate"]);
    return content(refused ? await send(await this.renew(tokens)) : answer);
  }

  /** What the scope tells of the user (OpenID Connect Core section 5.3). The scope must have `openid`. */
  async userinfo(): Promise<{ sub: string; [name: string]: unknown }> {
    const found = await this.request("/oauth/userinfo");
    const tokens = await this.load();
    if (tokens && tokens.claims && found.sub !== tokens.claims.sub) throw new BadAnswer("userinfo of another user");
    return found;
  }

  /** The user. The token must open Lingpai's own API (docs/api.md, "What a token opens"). */
  async currentUser(): Promise<User> {
    const { message } = await this.request("/users/current");
    const roles = message.roleList.map((role: any) => ({ id: role.id, name: role.roleName }));
    const { id, username, phone, openId, createTime } = message;
    return { id, username, phone, openId, roles, created: createTime };
  }

  // --- Logout ---

  /** End what the access or refresh token belongs to (RFC 7009). */
  async revoke(token: string): Promise<void> {
    await this.post("/oauth/revoke", { token }, true);
  }

  /** End the session. The tokens are forgotten first: after an error, only the server still has it. */
  async logout(): Promise<void> {
    // A renewal under way would store its tokens, or log in again.
    if (this.renewing) await this.renewing.catch(() => undefined);
    const tokens = await this.exclusive(async () => {
      try {
        return await this.load();
      } finally {
        await this.forget();
      }
    });
    if (tokens) await this.revoke(tokens.refreshToken || tokens.accessToken);
  }

  /** End the session, and give the address at which the browser is logged out of Lingpai, too. */
  async logoutUrl(options: LogoutOptions = {}): Promise<string> {
    const tokens = await this.load();
    try {
      await this.logout();
    } catch (error) {
      // The address has to be gone to all the same, and the tokens are forgotten.
      if (!(error instanceof TransportError || error instanceof Refused)) throw error;
    }
    const query = encodeForm({
      client_id: this.clientId,
      id_token_hint: tokens && tokens.idToken,
      post_logout_redirect_uri: options.postLogoutRedirectUri || this.options.postLogoutRedirectUri,
      state: options.state,
    });
    return this.baseUrl + "/oauth/logout?" + query;
  }

  /** End the session, and leave the page to log out of Lingpai, too. */
  async logoutRedirect(options: LogoutOptions = {}): Promise<void> {
    location.assign(await this.logoutUrl(options));
  }

  // --- Renewal ---

  /** The tokens, renewed if they end soon. */
  private async current(): Promise<Tokens> {
    const tokens = await this.load();
    return tokens && this.isFresh(tokens) ? tokens : this.renew(tokens);
  }

  private isFresh(tokens: Tokens): boolean {
    const leeway = this.options.leeway === undefined ? 5 : this.options.leeway;
    return tokens.expiresAt - leeway * 1000 > Date.now();
  }

  /** Tokens in place of these. One renewal is under way at a time, and all callers share it. */
  private renew(used: Tokens | null): Promise<Tokens> {
    if (this.renewing) return this.renewing;
    const { relogin } = this.options;
    const renewed = this.exclusive(() => this.replace(used)).catch((error) => {
      if (relogin && error instanceof LoginRequired) return relogin(this);
      throw error;
    });
    const done = () => {
      this.renewing = null;
    };
    this.renewing = renewed;
    renewed.then(done, done);
    return renewed;
  }

  private async replace(used: Tokens | null): Promise<Tokens> {
    const stored = await this.load();
    // Another tab has renewed them, or the user has logged in.
    if (stored && !(used && used.accessToken === stored.accessToken) && this.isFresh(stored)) return stored;
    if (!stored) throw new LoginRequired();
    if (!stored.refreshToken) {
      await this.forget();
      throw new LoginRequired();
    }
    let renewed: Tokens;
    try {
      // The server answers a repeated request with the same tokens (docs/api.md, "Refreshing").
      const form = { grant_type: "refresh_token", refresh_token: stored.refreshToken };
      renewed = await this.issue("/oauth/token", form, true, stored);
    } catch (error) {
      if (!(error instanceof Refused) || error.error !== "invalid_grant") throw error;
      const found = await this.load();
      if (found && found.refreshToken !== stored.refreshToken) return found;
      await this.forget();
      throw new LoginRequired(error.reason);
    }
    const found = await this.load();
    if (!found) throw new LoginRequired();
    // Without a common lock, another tab may have been faster.
    if (found.refreshToken !== stored.refreshToken) return found;
    await this.save(renewed);
    return renewed;
  }

  /** Run the work when all earlier changes of the session have ended, here and (if the storage has a lock) in other tabs. */
  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const { storage } = this;
    const run = () => (storage.lock ? storage.lock(this.key, work) : work());
    const result = this.queue.then(run);
    this.queue = result.catch(() => undefined);
    return result;
  }

  // --- Storage ---

  private async load(): Promise<Tokens | null> {
    if (this.unsaved) return this.unsaved;
    const text = await guarded("read the tokens", () => this.storage.get(this.key));
    const found = text ? parseJson(text) : null;
    if (!found || typeof found.accessToken !== "string") return null;
    return { ...found, claims: found.idToken ? readClaims(found.idToken) : null };
  }

  /** Keep the tokens of a new session. */
  private begin(tokens: Tokens): Promise<void> {
    return this.exclusive(() => this.save(tokens));
  }

  private async save(tokens: Tokens): Promise<void> {
    const { claims, ...stored } = tokens;
    try {
      await guarded("store the tokens", () => this.storage.set(this.key, JSON.stringify(stored)));
      this.unsaved = null;
    } catch (error) {
      this.unsaved = tokens;
      this.report(error);
      // What is stored is out of date: a refresh token that comes back later counts as stolen.
      await this.clear();
    }
    this.changed(tokens);
  }

  private async forget(): Promise<void> {
    this.unsaved = null;
    await this.clear();
    this.changed(null);
  }

  private async clear(): Promise<void> {
    try {
      await guarded("remove the tokens", () => this.storage.remove(this.key));
    } catch (error) {
      this.report(error);
    }
  }

  private report(error: unknown): void {
    if (this.options.onStorageError) this.options.onStorageError(error as StorageError);
    else console.warn("lingpai-sdk: " + (error as StorageError).message);
  }

  private changed(tokens: Tokens | null): void {
    if (this.options.onChange) this.options.onChange(tokens);
  }

  // --- Requests ---

  /** The tokens of a token answer. `before` are those that it renews. */
  private async issue(path: string, form: Fields, repeat: boolean, before?: Tokens): Promise<Tokens> {
    const asked = Date.now();
    const found = await this.post(path, form, repeat);
    if (!found || typeof found.access_token !== "string") throw new BadAnswer("the answer has no access token");
    const idToken: string | null = found.id_token || (before ? before.idToken : null);
    const tokens: Tokens = {
      accessToken: found.access_token,
      refreshToken: found.refresh_token || (before ? before.refreshToken : null),
      expiresAt: asked + Number(found.expires_in || 0) * 1000,
      scope: typeof found.scope === "string" ? found.scope.split(" ").filter(Boolean) : before ? before.scope : [],
      idToken,
      claims: idToken ? readClaims(idToken) : null,
    };
    if (tokens.claims) this.checkClaims(tokens.claims, before);
    return tokens;
  }

  /**
   * Check the claims of an ID token (OpenID Connect Core sections 3.1.3.7 and 12.2).
   *
   * It comes from the issuer itself, over TLS, so its signature need not be verified. `exp` is not checked either: the
   * clocks of people's devices may be hours wrong.
   */
  private checkClaims(claims: Claims, before?: Tokens): void {
    const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    if (claims.iss !== this.issuer) throw new BadAnswer("the ID token is not by " + this.issuer);
    if (audience.length !== 1 || audience[0] !== this.clientId) throw new BadAnswer("the ID token is for another client");
    const known = before && before.claims;
    if (known && known.sub !== claims.sub) throw new BadAnswer("the ID token is for another user");
  }

  private async post(path: string, form: Fields, repeat = false): Promise<any> {
    return content(await this.postForm(path, form, repeat));
  }

  private postForm(path: string, form: Fields, repeat: boolean): Promise<HttpAnswer> {
    const headers = { ...this.headers(), ...FORM };
    const body = encodeForm({ client_id: this.clientId, ...form });
    return this.send({ method: "POST", url: this.baseUrl + path, headers, body }, repeat);
  }

  private headers(): Record<string, string> {
    const language = this.options.language;
    return language ? { accept: "application/json", "accept-language": language } : { accept: "application/json" };
  }

  /** Send, and with `repeat` send again if the answer was lost. */
  private async send(request: Omit<HttpRequest, "timeout">, repeat: boolean): Promise<HttpAnswer> {
    const began = Date.now();
    for (let attempt = 0; ; attempt++) {
      let outcome: HttpAnswer | TransportError;
      try {
        outcome = await this.transport({ ...request, timeout: this.options.timeout || 15000 });
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        outcome = error;
      }
      const pause = repeat && attempt < RETRIES ? pauseAfter(outcome, attempt) : null;
      if (pause === null || Date.now() + pause - began > REPEAT_WITHIN) {
        if (outcome instanceof TransportError) throw outcome;
        return outcome;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  private checkTarget(url: string): void {
    if (this.origins.some((origin) => url === origin || url.startsWith(origin + "/") || url.startsWith(origin + "?"))) return;
    throw new TypeError("the access token is not for this address: name its origin in `apis`");
  }
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** The milliseconds until a request may be sent again; null where it may not. */
function pauseAfter(outcome: HttpAnswer | TransportError, attempt: number): number | null {
  // Between half and all of it, so that many clients do not come back at once.
  const pause = FIRST_PAUSE * (1 << attempt) * (0.5 + Math.random() / 2);
  if (outcome instanceof TransportError) return pause;
  const said = retryAfter(outcome);
  if (outcome.status === 503 && said !== null) return said > LONGEST_PAUSE ? null : Math.max(pause, said * 1000);
  // A gateway that had no answer: like one that was lost.
  return outcome.status === 502 || outcome.status === 503 || outcome.status === 504 ? pause : null;
}

/** What the storage gives; throws StorageError. */
async function guarded<T>(what: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new StorageError("could not " + what, error);
  }
}

/** A code of `wx.login`. */
function loginCode(app: MiniProgram): Promise<string> {
  return new Promise((resolve, reject) => {
    app.login({
      provider: "weixin",
      success: (found: any) => resolve(found.code),
      fail: () => reject(new TransportError("wx.login gave no code")),
    });
  });
}

/** The address without a slash at its end; throws TypeError for what is none, or would send tokens in clear. */
function checkedAddress(name: string, value: string, allowHttp = false): string {
  const found = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?(\/[^\s?#\\]*)?$/.exec(value);
  if (!found) throw new TypeError(name + ": must be like https://id.example.com");
  if (found[1] === "http" && !allowHttp && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(found[2])) {
    throw new TypeError(name + ": plain http sends passwords and tokens in clear; use https, or say allowHttp");
  }
  return value.replace(/\/+$/, "");
}

/** Take the answer to a login out of the address bar and the history. */
function cleanAddress(): void {
  const url = new URL(location.href);
  for (const name of ["code", "state", "iss", "error", "error_description", "error_uri"]) url.searchParams.delete(name);
  history.replaceState(history.state, "", url.href);
}
