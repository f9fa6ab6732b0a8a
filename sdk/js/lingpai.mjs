// Written by `make sdk-js` from src/lingpai.ts.
/**
 * A client of Lingpai for browsers, Node, WeChat mini-programs and uni-app.
 *
 * In: the address of Lingpai and the id of a client without a secret. Out: logins, a session whose access token is
 * renewed when it is needed, requests that carry it, and typed errors. No error holds a token or a password.
 */
var __classPrivateFieldSet = (this && this.__classPrivateFieldSet) || function (receiver, state, value, kind, f) {
    if (kind === "m") throw new TypeError("Private method is not writable");
    if (kind === "a" && !f) throw new TypeError("Private accessor was defined without a setter");
    if (typeof state === "function" ? receiver !== state || !f : !state.has(receiver)) throw new TypeError("Cannot write private member to an object whose class did not declare it");
    return (kind === "a" ? f.call(receiver, value) : f ? f.value = value : state.set(receiver, value)), value;
};
var __classPrivateFieldGet = (this && this.__classPrivateFieldGet) || function (receiver, state, kind, f) {
    if (kind === "a" && !f) throw new TypeError("Private accessor was defined without a getter");
    if (typeof state === "function" ? receiver !== state || !f : !state.has(receiver)) throw new TypeError("Cannot read private member from an object whose class did not declare it");
    return kind === "m" ? f : kind === "a" ? f.call(receiver) : f ? f.value : state.get(receiver);
};
var _Challenge_instances, _Challenge_client, _Challenge_login, _Challenge_authSession, _Challenge_web, _Challenge_last, _Challenge_step, _Challenge_takeLater, _Challenge_take, _Challenge_forget;
// --- Errors ---------------------------------------------------------------------------------------------------------
/** The base of all errors of a call. `name` is the name of the class. */
export class LingpaiSDKError extends Error {
    constructor(message) {
        super(message);
        this.name = "LingpaiSDKError";
    }
}
/** There was no answer. The request may have had its effect. */
export class TransportError extends LingpaiSDKError {
    constructor(message) {
        super(message);
        this.name = "TransportError";
    }
}
/** There was no answer in time. */
export class Timeout extends TransportError {
    constructor(message) {
        super(message);
        this.name = "Timeout";
    }
}
/** The server refused the request, or the login in the browser (RFC 6749 sections 4.1.2.1 and 5.2). */
export class Refused extends LingpaiSDKError {
    constructor(found) {
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
    constructor(found) {
        super(found);
        this.name = "InvalidSession";
    }
}
/** A login without a browser has to go on in one: `Challenge.loginUrl` has the address. */
export class RedirectToWeb extends Refused {
    constructor(found, requestUri = null, expiresIn = null) {
        super(found);
        this.name = "RedirectToWeb";
        this.requestUri = requestUri;
        this.expiresIn = expiresIn;
    }
}
/** Nobody is logged in, or the session has ended. Nothing is stored any more. */
export class LoginRequired extends LingpaiSDKError {
    constructor(reason = null) {
        super("nobody is logged in");
        this.name = "LoginRequired";
        this.reason = reason;
    }
}
/** What came is not an answer of Lingpai, or does not belong to a login that was started here. */
export class BadAnswer extends LingpaiSDKError {
    constructor(message) {
        super(message);
        this.name = "BadAnswer";
    }
}
/** The storage failed; `cause` is its own error. */
export class StorageError extends LingpaiSDKError {
    constructor(message, cause) {
        super(message);
        this.name = "StorageError";
        this.cause = cause;
    }
}
const isBrowser = () => typeof document !== "undefined" && typeof fetch === "function";
/** The object of the mini-program's platform. In a browser `wx` is another library, and `uni` stands on `fetch`. */
function miniProgram() {
    if (isBrowser())
        return null;
    if (typeof uni !== "undefined")
        return uni;
    return typeof wx === "undefined" ? null : wx;
}
/** Keeps a session as long as the program runs. */
export function memoryStorage() {
    const kept = new Map();
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
export function webStorage(kind) {
    // Looked up by each call: where cookies are blocked, this already throws.
    const area = () => (kind === "local" ? localStorage : sessionStorage);
    const storage = {
        get: (key) => area().getItem(key),
        set: (key, value) => area().setItem(key, value),
        remove: (key) => area().removeItem(key),
    };
    if (kind === "local")
        storage.lock = lockTabs;
    return storage;
}
/** How long what another tab has stored may take to arrive here, in milliseconds: a lock may be given up sooner. */
const STORAGE_DELAY = 100;
async function lockTabs(name, work) {
    if (typeof navigator === "undefined" || !navigator.locks)
        return work();
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
    }
    catch (error) {
        // Another tab sleeps with the lock, or this page may have none.
        if (!started)
            return alone();
        throw error;
    }
}
/** Keeps a session in the local storage of a mini-program: `appStorage(wx)`, `appStorage(uni)`. */
export function appStorage(app) {
    return {
        get: (key) => app.getStorageSync(key),
        set: (key, value) => app.setStorageSync(key, value),
        remove: (key) => app.removeStorageSync(key),
    };
}
/** Sends by `fetch`. Redirects are not followed: what is sent is meant for this address alone. */
export function fetchTransport(send) {
    return async ({ method, url, headers, body, timeout }) => {
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), timeout);
        try {
            const options = { method, headers, body, signal: late.signal };
            const answer = await (send || fetch)(url, { ...options, redirect: "error", credentials: "omit", cache: "no-store" });
            const found = {};
            answer.headers.forEach((value, name) => {
                found[name.toLowerCase()] = value;
            });
            return { status: answer.status, headers: found, body: await answer.text() };
        }
        catch (error) {
            throw noAnswer(late.signal.aborted, method, url);
        }
        finally {
            clearTimeout(timer);
        }
    };
}
/** Sends by the `request` of a mini-program: `appTransport(wx)`, `appTransport(uni)`. */
export function appTransport(app) {
    return ({ method, url, headers, body, timeout }) => new Promise((resolve, reject) => {
        app.request({
            method,
            url,
            header: headers,
            data: body,
            timeout,
            dataType: "text",
            success(answer) {
                const found = {};
                for (const name of Object.keys(answer.header || {}))
                    found[name.toLowerCase()] = String(answer.header[name]);
                const text = typeof answer.data === "string" ? answer.data : JSON.stringify(answer.data);
                resolve({ status: answer.statusCode, headers: found, body: text || "" });
            },
            fail(answer) {
                reject(noAnswer(/time(d )?out/i.test((answer && answer.errMsg) || ""), method, url));
            },
        });
    });
}
function noAnswer(late, method, url) {
    const what = method + " " + url.split(/[?#]/)[0];
    return late ? new Timeout(what + ": no answer in time") : new TransportError(what + ": no answer");
}
/** So many bytes from the platform's generator of random numbers for cryptography. */
function randomBytes(count) {
    if (typeof crypto !== "undefined") {
        return Promise.resolve(crypto.getRandomValues(new Uint8Array(count)));
    }
    const app = miniProgram();
    return new Promise((resolve, reject) => {
        const fail = () => reject(new LingpaiSDKError("this platform has no random numbers for cryptography"));
        if (!app || !app.getRandomValues)
            return fail();
        app.getRandomValues({
            length: count,
            success: (found) => resolve(new Uint8Array(found.randomValues)),
            fail,
        });
    });
}
// --- Encodings ------------------------------------------------------------------------------------------------------
// Mini-programs have neither URL, URLSearchParams, TextDecoder, atob nor crypto.subtle, which http pages do not have either.
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** Base64url without padding (RFC 4648 section 5). */
function base64url(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
        const group = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
        const digits = Math.min(4, bytes.length - i + 1);
        for (let digit = 0; digit < digits; digit++)
            text += ALPHABET[(group >> (18 - 6 * digit)) & 63];
    }
    return text;
}
/** The bytes that are encoded as base64url; throws BadAnswer for anything else. */
function decodeBase64url(text) {
    const bytes = new Uint8Array((text.length * 6) >> 3);
    let [at, bits, held] = [0, 0, 0];
    for (const character of text) {
        const value = ALPHABET.indexOf(character);
        if (value < 0)
            throw new BadAnswer("not base64url");
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
function decodeText(bytes) {
    let escaped = "";
    bytes.forEach((byte) => {
        escaped += "%" + byte.toString(16).padStart(2, "0");
    });
    return decodeURIComponent(escaped);
}
/** The SHA-256 digest (FIPS 180-4 section 6.2). */
export function sha256(message) {
    // The first 32 bits of the fractional parts of the square roots (of 8) and cube roots (of 64) of the first primes.
    const [state, constants] = [[], []];
    for (let candidate = 2; constants.length < 64; candidate++) {
        let prime = true;
        for (let factor = 2; factor * factor <= candidate; factor++)
            prime = prime && candidate % factor !== 0;
        if (!prime)
            continue;
        if (state.length < 8)
            state.push((Math.pow(candidate, 1 / 2) * 4294967296) | 0);
        constants.push((Math.pow(candidate, 1 / 3) * 4294967296) | 0);
    }
    const padded = new Uint8Array(((message.length + 72) >> 6) << 6);
    padded.set(message);
    padded[message.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(message.length / 0x20000000));
    view.setUint32(padded.length - 4, message.length << 3);
    const rotate = (word, by) => (word >>> by) | (word << (32 - by));
    const words = new Int32Array(64);
    for (let block = 0; block < padded.length; block += 64) {
        for (let i = 0; i < 16; i++)
            words[i] = view.getInt32(block + 4 * i);
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
/** The fields that have a value, as a form or a query. */
function encodeForm(fields) {
    const pairs = [];
    for (const name of Object.keys(fields)) {
        const value = fields[name];
        if (value === undefined || value === null || value === "")
            continue;
        for (const each of Array.isArray(value) ? value : [value]) {
            pairs.push(encodeURIComponent(name) + "=" + encodeURIComponent(each));
        }
    }
    return pairs.join("&");
}
/** The parameters in the query of an address; throws BadAnswer for one that cannot be read. */
function parseQuery(url) {
    const found = {};
    const query = url.split("#")[0].split("?").slice(1).join("?");
    for (const pair of query.split("&")) {
        const [name, value] = [pair.split("=")[0], pair.split("=").slice(1).join("=")];
        try {
            found[decodeURIComponent(name)] = decodeURIComponent(value.replace(/\+/g, " "));
        }
        catch (error) {
            throw new BadAnswer("the address cannot be read");
        }
    }
    return found;
}
const words = (value) => value === undefined ? "" : typeof value === "string" ? value : value.join(" ");
// --- Answers --------------------------------------------------------------------------------------------------------
/** What a refusal is called where the server gives only a status and a text for people. */
const CODES = {
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
function parseJson(text) {
    try {
        return JSON.parse(text);
    }
    catch (error) {
        return undefined;
    }
}
/** The seconds of Retry-After (RFC 9110 section 10.2.3: seconds or a date); null without a readable one. */
function retryAfter(answer) {
    const said = answer.headers["retry-after"] || "";
    if (/^\d+$/.test(said))
        return Number(said);
    const at = Date.parse(said);
    return Number.isNaN(at) ? null : Math.max(0, (at - Date.now()) / 1000);
}
/** The answer's JSON (or text, if it is none); throws Refused for a status that is not 2xx. */
function content(answer) {
    const found = parseJson(answer.body);
    if (answer.status >= 200 && answer.status < 300)
        return found === undefined ? answer.body : found;
    throw new Refused(refusal(answer));
}
/** What an answer says that is none of success. */
function refusal(answer) {
    const found = parseJson(answer.body);
    const body = found && typeof found === "object" ? found : {};
    const text = (value) => (typeof value === "string" ? value.slice(0, 300) : "");
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
function stepUp(challenge) {
    if (!challenge || !/error="?insufficient_user_authentication/.test(challenge))
        return null;
    const [, acrValues] = /acr_values="([^"]*)"/.exec(challenge) || [];
    const [, maxAge] = /max_age="?(\d+)/.exec(challenge) || [];
    return { acrValues, maxAge: maxAge === undefined ? undefined : Number(maxAge) };
}
/** Whether a new access token may help. It does not where the user has to log in again. */
function wantsNewToken(status, challenge) {
    return status === 401 && !stepUp(challenge);
}
function readClaims(idToken) {
    const claims = parseJson(decodeText(decodeBase64url(idToken.split(".")[1] || "")));
    if (!claims || typeof claims.sub !== "string")
        throw new BadAnswer("the ID token has no subject");
    return claims;
}
// --- Passkeys -------------------------------------------------------------------------------------------------------
/** Ask this browser for a passkey: its answer as JSON (WebAuthn level 3 section 5.1). What the browser throws is thrown on. */
async function askForPasskey(options) {
    const allowed = (options.allowCredentials || []).map((known) => ({ ...known, id: decodeBase64url(known.id) }));
    const publicKey = { ...options, challenge: decodeBase64url(options.challenge), allowCredentials: allowed };
    const made = (await navigator.credentials.get({ publicKey }));
    const given = made.response;
    const response = {};
    for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle"]) {
        const bytes = given[name];
        if (bytes)
            response[name] = base64url(new Uint8Array(bytes));
    }
    return JSON.stringify({ id: made.id, rawId: base64url(new Uint8Array(made.rawId)), type: made.type, response });
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
    /** For `Lingpai.challenge`. */
    constructor(client) {
        _Challenge_instances.add(this);
        _Challenge_client.set(this, void 0);
        _Challenge_login.set(this, null);
        _Challenge_authSession.set(this, null);
        _Challenge_web.set(this, null);
        /** The step that was begun last, and what it was asked for with: the next one waits for its end. */
        _Challenge_last.set(this, null);
        __classPrivateFieldSet(this, _Challenge_client, client, "f");
    }
    /** What may come now. Changes nothing. */
    nextStep() {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "nextStep", [], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, {}));
    }
    /** Have a code sent to the mobile number; again for a new one. `captcha` is the solution of the captcha that was asked for. */
    sendCode(mobile, { captcha } = {}) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "mobile", [mobile, captcha], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { mobile, captcha }));
    }
    /** The code that was sent. */
    code(code) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "code", [code], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_takeLater).call(this, { code }));
    }
    /** A username or mobile number and a password. */
    password(username, password) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "password", [username && password, username], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { username, password }));
    }
    /** The person of `wx.login` or `uni.login`, and the number of the `code` that a button `getPhoneNumber` gives. */
    wechat({ phoneCode } = {}) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "wechat", ["wx.login", phoneCode], async () => {
            const app = miniProgram();
            if (!app)
                throw new TypeError("wechat: there is neither wx nor uni");
            return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { js_code: await loginCode(app), phone_code: phoneCode });
        });
    }
    /** An ID token of the client's OpenID provider, and the nonce that it was asked for with. */
    idToken(idToken, nonce) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "idToken", [idToken, nonce], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { id_token: idToken, id_token_nonce: nonce }));
    }
    /** Ask for the options of a passkey, for an app that asks its platform for one by itself. */
    passkeyOptions() {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "passkeyOptions", [], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { passkey_options: "true" }));
    }
    /**
     * A passkey, as a first or a second factor: the platform's answer to the options (JSON, or its text).
     *
     * Without one the browser is asked for it; what it throws is thrown on (`NotAllowedError`: nobody answered).
     */
    passkey(answer) {
        const text = answer === undefined || typeof answer === "string" ? answer : JSON.stringify(answer);
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "passkey", [text === undefined ? "the browser's" : text], async () => {
            if (text !== undefined)
                return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { passkey: text });
            if (typeof navigator === "undefined" || !navigator.credentials) {
                throw new TypeError("passkey: this platform has none by itself");
            }
            const asked = await __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { passkey_options: "true" });
            if (asked.done || !asked.passkeyOptions)
                throw new BadAnswer("the answer has no options of a passkey");
            return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, { passkey: await askForPasskey(asked.passkeyOptions) });
        });
    }
    /** The code of an authenticator app, as a second factor. */
    totp(code) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "totp", [code], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_takeLater).call(this, { totp: code }));
    }
    /** A recovery code, as a second factor. */
    recoveryCode(code) {
        return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_step).call(this, "recoveryCode", [code], () => __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_takeLater).call(this, { recovery_code: code }));
    }
    /**
     * The address at which the login goes on in a browser after a RedirectToWeb, like that of `Lingpai.loginUrl`;
     * `Lingpai.finishLogin` finishes it. Throws TypeError without a redirect URI.
     */
    loginUrl() {
        return __classPrivateFieldGet(this, _Challenge_client, "f").loginUrl(__classPrivateFieldGet(this, _Challenge_web, "f"));
    }
    /** Leave the page to go on there. */
    async loginRedirect() {
        location.assign(await this.loginUrl());
    }
}
_Challenge_client = new WeakMap(), _Challenge_login = new WeakMap(), _Challenge_authSession = new WeakMap(), _Challenge_web = new WeakMap(), _Challenge_last = new WeakMap(), _Challenge_instances = new WeakSet(), _Challenge_step = function _Challenge_step(name, values, work) {
    if (values.length > 0 && !values[0])
        return Promise.reject(new TypeError(name + ": must not be empty"));
    const key = JSON.stringify([name, ...values]);
    if (__classPrivateFieldGet(this, _Challenge_last, "f") && __classPrivateFieldGet(this, _Challenge_last, "f").key === key)
        return __classPrivateFieldGet(this, _Challenge_last, "f").result;
    const before = __classPrivateFieldGet(this, _Challenge_last, "f") ? __classPrivateFieldGet(this, _Challenge_last, "f").result : Promise.resolve();
    const step = { key, result: before.then(work, work) };
    __classPrivateFieldSet(this, _Challenge_last, step, "f");
    const ended = () => {
        if (__classPrivateFieldGet(this, _Challenge_last, "f") === step)
            __classPrivateFieldSet(this, _Challenge_last, null, "f");
    };
    step.result.then(ended, ended);
    return step.result;
}, _Challenge_takeLater = 
/** A step that needs one before it. */
async function _Challenge_takeLater(step) {
    if (!__classPrivateFieldGet(this, _Challenge_authSession, "f")) {
        throw new InvalidSession({ error: "invalid_session", description: "the login has to begin anew" });
    }
    return __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_take).call(this, step);
}, _Challenge_take = async function _Challenge_take(step) {
    const login = __classPrivateFieldGet(this, _Challenge_login, "f") || (__classPrivateFieldSet(this, _Challenge_login, await __classPrivateFieldGet(this, _Challenge_client, "f").newLogin(), "f"));
    const answer = await __classPrivateFieldGet(this, _Challenge_client, "f").send(login, __classPrivateFieldGet(this, _Challenge_authSession, "f"), step);
    const found = parseJson(answer.body) || {};
    if (typeof found.auth_session === "string")
        __classPrivateFieldSet(this, _Challenge_authSession, found.auth_session, "f");
    if (found.error === "insufficient_authorization")
        return whatNext(found);
    if (found.error === "redirect_to_web") {
        const requestUri = typeof found.request_uri === "string" ? found.request_uri : null;
        __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_forget).call(this);
        __classPrivateFieldSet(this, _Challenge_web, requestUri ? { login, requestUri } : null, "f");
        throw new RedirectToWeb(refusal(answer), requestUri, seconds(found.expires_in));
    }
    if (found.error === "invalid_session") {
        __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_forget).call(this);
        throw new InvalidSession(refusal(answer));
    }
    content(answer);
    if (typeof found.authorization_code !== "string")
        throw new BadAnswer("the answer has no code");
    // The code has used the login up, whatever comes of it.
    __classPrivateFieldGet(this, _Challenge_instances, "m", _Challenge_forget).call(this);
    return { done: true, tokens: await __classPrivateFieldGet(this, _Challenge_client, "f").redeem(found.authorization_code, login) };
}, _Challenge_forget = function _Challenge_forget() {
    __classPrivateFieldSet(this, _Challenge_login, __classPrivateFieldSet(this, _Challenge_authSession, __classPrivateFieldSet(this, _Challenge_web, null, "f"), "f"), "f");
};
const seconds = (value) => (typeof value === "number" ? value : null);
/** The answer to a step that was not the last one. */
function whatNext(found) {
    const inside = (value) => (value && typeof value === "object" ? value : null);
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
/**
 * A client of Lingpai with the session of one user.
 *
 * Make one for the program and share it: calls at the same time renew the tokens once.
 */
export class Lingpai {
    /** Throws TypeError for an address that is none, or that would send tokens in clear. */
    constructor(baseUrl, clientId, options = {}) {
        this.clientId = clientId;
        this.options = options;
        /** Tokens that could not be stored. */
        this.unsaved = null;
        /** The renewal that is under way: all who need one wait for it. */
        this.renewing = null;
        /** The last change of the session that was begun: the next one waits for its end. */
        this.queue = Promise.resolve();
        this.finishing = null;
        this.baseUrl = checkedAddress("baseUrl", baseUrl, options.allowHttp);
        if (!clientId)
            throw new TypeError("clientId: must not be empty");
        this.issuer = options.issuer || this.baseUrl;
        const apis = (options.apis || []).map((api) => checkedAddress("apis", api, options.allowHttp));
        this.origins = [this.baseUrl, ...apis].map((url) => url.split("/").slice(0, 3).join("/"));
        if (isBrowser() && /^https?:/.test(location.origin))
            this.origins.push(location.origin);
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
    async loginUrl(options = {}) {
        const login = await this.newLogin(options);
        return this.authorizeUrl(login, {
            ...this.authorizationRequest(login, options),
            prompt: options.prompt,
            login_hint: options.loginHint,
            ui_locales: options.uiLocales,
        });
    }
    async newLogin({ redirectUri, appState }) {
        const [state, nonce, verifier] = await Promise.all([32, 32, 32].map(async (n) => base64url(await randomBytes(n))));
        return { state, nonce, verifier, redirectUri: redirectUri || this.options.redirectUri, appState };
    }
    authorizationRequest(login, options) {
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
    async authorizeUrl(login, request) {
        if (!login.redirectUri)
            throw new TypeError("redirectUri: is needed to log in in a browser");
        await guarded("store the login", () => this.loginStorage.set(this.key + ".login", JSON.stringify(login)));
        return this.baseUrl + "/oauth/authorize?" + encodeForm({ client_id: this.clientId, ...request });
    }
    /** Leave the page to log in. The browser comes back to the redirect URI, where `finishLogin` has to be called. */
    async loginRedirect(options = {}) {
        location.assign(await this.loginUrl(options));
    }
    /**
     * Finish the login whose answer is in this address: of the page by default, whose address bar is then cleaned.
     *
     * null where the address holds no answer, so a page can always call it when it starts. Throws Refused for a login
     * that was refused (`access_denied`, `login_required`, …), and BadAnswer for an answer to no login of this browser
     * or by another issuer (RFC 9207).
     */
    async finishLogin(url) {
        const answer = parseQuery(url === undefined ? location.href : url);
        if (!answer.state || !(answer.code || answer.error))
            return null;
        // A page that asks twice at its start (React's StrictMode) gets one result.
        if (!this.finishing || this.finishing.state !== answer.state) {
            this.finishing = { state: answer.state, result: this.finish(answer) };
        }
        const { result } = this.finishing;
        try {
            return await result;
        }
        finally {
            if (url === undefined)
                cleanAddress();
        }
    }
    async finish(answer) {
        const key = this.key + ".login";
        const text = await guarded("read the login", () => this.loginStorage.get(key));
        const pending = text ? parseJson(text) : undefined;
        if (!pending || pending.state !== answer.state)
            throw new BadAnswer("the answer is to no login of this browser");
        if (answer.iss !== this.issuer)
            throw new BadAnswer("the answer is not by " + this.issuer);
        await guarded("remove the login", () => this.loginStorage.remove(key));
        if (answer.error)
            throw new Refused({ error: answer.error, description: answer.error_description });
        return { tokens: await this.redeem(answer.code, pending), appState: pending.appState };
    }
    /** Redeem the code of a login, and begin its session. */
    async redeem(code, { redirectUri, verifier, nonce }) {
        const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
        // The server answers a repeated request for 30 seconds.
        const tokens = await this.issue("/oauth/token", form, true);
        if (tokens.claims && tokens.claims.nonce !== nonce)
            throw new BadAnswer("the ID token is for another login");
        await this.begin(tokens);
        return tokens;
    }
    // --- Login without a browser ---
    /**
     * Begin a login in the app itself, by steps (`Challenge`): password, SMS code, WeChat, passkey, and a second factor.
     *
     * Nothing is sent before the first step. The client's record must be `first_party` and have the grant `challenge`.
     */
    challenge(options = {}) {
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
    password(username, password, options = {}) {
        return this.logIn("/oauth/token", { grant_type: "password", username, password }, options);
    }
    /** Have a code sent to the mobile number. Refused with `captcha` where a captcha has to be solved first. */
    async sendCode(mobile, options = {}) {
        await this.post("/mobile/code/get", { mobile, purpose: options.purpose, captcha: options.captcha });
    }
    /** Tell whether the code is the one sent to the number: throws Refused if not. Counts as a guess. */
    async verifyCode(mobile, code) {
        await this.post("/mobile/code/verify", { mobile, code });
    }
    /** Log in by the code sent to the mobile number. The first login creates the account. */
    mobileCode(mobile, code, options = {}) {
        return this.logIn("/mobile/token", { mobile, code }, options);
    }
    /** Log in by a third party's credential: the `js_code` of a mini-program, or an ID token and its `nonce`. */
    sign(sign, options = {}) {
        return this.logIn("/sign/token", { sign, nonce: options.nonce }, options);
    }
    /**
     * Log in by `wx.login` or `uni.login` in a mini-program, without asking the user.
     *
     * Its code works once: after a lost answer, and where WeChat does not know the code, one more is tried.
     */
    async wxLogin(options = {}) {
        const app = miniProgram();
        if (!app)
            throw new TypeError("wxLogin: there is neither wx nor uni");
        const attempt = async () => this.sign(await loginCode(app), options);
        try {
            return await attempt();
        }
        catch (error) {
            const used = error instanceof Refused && (error.reason === "sign_used" || error.reason === "sign_unknown");
            if (used || error instanceof TransportError)
                return attempt();
            throw error;
        }
    }
    async logIn(path, form, { scope }) {
        const asked = words(scope === undefined ? this.options.scope : scope);
        const tokens = await this.issue(path, { ...form, scope: asked }, false);
        await this.begin(tokens);
        return tokens;
    }
    // --- The session ---
    /** The tokens as they are stored; null if nobody is logged in. */
    tokens() {
        return this.load();
    }
    /** An access token that is good for some seconds at least, renewed if need be. Throws LoginRequired. */
    async accessToken() {
        return (await this.current()).accessToken;
    }
    /** Renew the tokens now. Throws LoginRequired. */
    async refresh() {
        return this.renew(await this.load());
    }
    /**
     * `fetch` with the access token. After a 401 the tokens are renewed and the request is sent once more.
     *
     * Throws TypeError for an address that may not get the token (`apis`), and LoginRequired.
     */
    async fetch(input, init) {
        const request = new Request(input, init);
        this.checkTarget(request.url);
        const send = (asked, { accessToken }) => {
            asked.headers.set("Authorization", "Bearer " + accessToken);
            return fetch(asked);
        };
        const tokens = await this.current();
        const answer = await send(request.clone(), tokens);
        if (!wantsNewToken(answer.status, answer.headers.get("www-authenticate")))
            return answer;
        if (answer.body)
            await answer.body.cancel();
        return send(request, await this.renew(tokens));
    }
    /**
     * A request with the access token on any platform: the JSON of the answer, or its text.
     *
     * An address that begins with `/` is Lingpai's. After a 401 the tokens are renewed and the request is sent once more.
     * Throws Refused for any other status than 2xx, TypeError for an address that may not get the token, LoginRequired.
     */
    async request(url, options = {}) {
        const target = url[0] === "/" ? this.baseUrl + url : url;
        this.checkTarget(target);
        const { form, json } = options;
        const body = form ? encodeForm(form) : json === undefined ? options.body : JSON.stringify(json);
        const method = options.method || (body === undefined ? "GET" : "POST");
        const type = form ? FORM : json === undefined ? null : { "content-type": "application/json" };
        const send = ({ accessToken }) => {
            const headers = { ...this.headers(), ...type, ...options.headers, authorization: "Bearer " + accessToken };
            return this.send({ method, url: target, headers, body }, method === "GET");
        };
        const tokens = await this.current();
        const answer = await send(tokens);
        const refused = wantsNewToken(answer.status, answer.headers["www-authenticate"]);
        return content(refused ? await send(await this.renew(tokens)) : answer);
    }
    /** What the scope tells of the user (OpenID Connect Core section 5.3). The scope must have `openid`. */
    async userinfo() {
        const found = await this.request("/oauth/userinfo");
        const tokens = await this.load();
        if (tokens && tokens.claims && found.sub !== tokens.claims.sub)
            throw new BadAnswer("userinfo of another user");
        return found;
    }
    /** The user. The token must open Lingpai's own API (docs/api.md, "What a token opens"). */
    async currentUser() {
        const { message } = await this.request("/users/current");
        const roles = message.roleList.map((role) => ({ id: role.id, name: role.roleName }));
        const { id, username, phone, openId, createTime } = message;
        return { id, username, phone, openId, roles, created: createTime };
    }
    // --- Logout ---
    /** End what the access or refresh token belongs to (RFC 7009). */
    async revoke(token) {
        await this.post("/oauth/revoke", { token }, true);
    }
    /** End the session. The tokens are forgotten first: after an error, only the server still has it. */
    async logout() {
        // A renewal under way would store its tokens, or log in again.
        if (this.renewing)
            await this.renewing.catch(() => undefined);
        const tokens = await this.exclusive(async () => {
            try {
                return await this.load();
            }
            finally {
                await this.forget();
            }
        });
        if (tokens)
            await this.revoke(tokens.refreshToken || tokens.accessToken);
    }
    /** End the session, and give the address at which the browser is logged out of Lingpai, too. */
    async logoutUrl(options = {}) {
        const tokens = await this.load();
        try {
            await this.logout();
        }
        catch (error) {
            // The address has to be gone to all the same, and the tokens are forgotten.
            if (!(error instanceof TransportError || error instanceof Refused))
                throw error;
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
    async logoutRedirect(options = {}) {
        location.assign(await this.logoutUrl(options));
    }
    // --- Renewal ---
    /** The tokens, renewed if they end soon. */
    async current() {
        const tokens = await this.load();
        return tokens && this.isFresh(tokens) ? tokens : this.renew(tokens);
    }
    isFresh(tokens) {
        const leeway = this.options.leeway === undefined ? 5 : this.options.leeway;
        return tokens.expiresAt - leeway * 1000 > Date.now();
    }
    /** Tokens in place of these. One renewal is under way at a time, and all callers share it. */
    renew(used) {
        if (this.renewing)
            return this.renewing;
        const { relogin } = this.options;
        const renewed = this.exclusive(() => this.replace(used)).catch((error) => {
            if (relogin && error instanceof LoginRequired)
                return relogin(this);
            throw error;
        });
        const done = () => {
            this.renewing = null;
        };
        this.renewing = renewed;
        renewed.then(done, done);
        return renewed;
    }
    async replace(used) {
        const stored = await this.load();
        // Another tab has renewed them, or the user has logged in.
        if (stored && !(used && used.accessToken === stored.accessToken) && this.isFresh(stored))
            return stored;
        if (!stored)
            throw new LoginRequired();
        if (!stored.refreshToken) {
            await this.forget();
            throw new LoginRequired();
        }
        let renewed;
        try {
            // The server answers a repeated request with the same tokens (docs/api.md, "Refreshing").
            const form = { grant_type: "refresh_token", refresh_token: stored.refreshToken };
            renewed = await this.issue("/oauth/token", form, true, stored);
        }
        catch (error) {
            if (!(error instanceof Refused) || error.error !== "invalid_grant")
                throw error;
            const found = await this.load();
            if (found && found.refreshToken !== stored.refreshToken)
                return found;
            await this.forget();
            throw new LoginRequired(error.reason);
        }
        const found = await this.load();
        if (!found)
            throw new LoginRequired();
        // Without a common lock, another tab may have been faster.
        if (found.refreshToken !== stored.refreshToken)
            return found;
        await this.save(renewed);
        return renewed;
    }
    /** Run the work when all earlier changes of the session have ended, here and (if the storage has a lock) in other tabs. */
    exclusive(work) {
        const { storage } = this;
        const run = () => (storage.lock ? storage.lock(this.key, work) : work());
        const result = this.queue.then(run);
        this.queue = result.catch(() => undefined);
        return result;
    }
    // --- Storage ---
    async load() {
        if (this.unsaved)
            return this.unsaved;
        const text = await guarded("read the tokens", () => this.storage.get(this.key));
        const found = text ? parseJson(text) : null;
        if (!found || typeof found.accessToken !== "string")
            return null;
        return { ...found, claims: found.idToken ? readClaims(found.idToken) : null };
    }
    /** Keep the tokens of a new session. */
    begin(tokens) {
        return this.exclusive(() => this.save(tokens));
    }
    async save(tokens) {
        const { claims, ...stored } = tokens;
        try {
            await guarded("store the tokens", () => this.storage.set(this.key, JSON.stringify(stored)));
            this.unsaved = null;
        }
        catch (error) {
            this.unsaved = tokens;
            this.report(error);
            // What is stored is out of date: a refresh token that comes back later counts as stolen.
            await this.clear();
        }
        this.changed(tokens);
    }
    async forget() {
        this.unsaved = null;
        await this.clear();
        this.changed(null);
    }
    async clear() {
        try {
            await guarded("remove the tokens", () => this.storage.remove(this.key));
        }
        catch (error) {
            this.report(error);
        }
    }
    report(error) {
        if (this.options.onStorageError)
            this.options.onStorageError(error);
        else
            console.warn("lingpai-sdk: " + error.message);
    }
    changed(tokens) {
        if (this.options.onChange)
            this.options.onChange(tokens);
    }
    // --- Requests ---
    /** The tokens of a token answer. `before` are those that it renews. */
    async issue(path, form, repeat, before) {
        const asked = Date.now();
        const found = await this.post(path, form, repeat);
        if (!found || typeof found.access_token !== "string")
            throw new BadAnswer("the answer has no access token");
        const idToken = found.id_token || (before ? before.idToken : null);
        const tokens = {
            accessToken: found.access_token,
            refreshToken: found.refresh_token || (before ? before.refreshToken : null),
            expiresAt: asked + Number(found.expires_in || 0) * 1000,
            scope: typeof found.scope === "string" ? found.scope.split(" ").filter(Boolean) : before ? before.scope : [],
            idToken,
            claims: idToken ? readClaims(idToken) : null,
        };
        if (tokens.claims)
            this.checkClaims(tokens.claims, before);
        return tokens;
    }
    /**
     * Check the claims of an ID token (OpenID Connect Core sections 3.1.3.7 and 12.2).
     *
     * It comes from the issuer itself, over TLS, so its signature need not be verified. `exp` is not checked either: the
     * clocks of people's devices may be hours wrong.
     */
    checkClaims(claims, before) {
        const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
        if (claims.iss !== this.issuer)
            throw new BadAnswer("the ID token is not by " + this.issuer);
        if (audience.length !== 1 || audience[0] !== this.clientId)
            throw new BadAnswer("the ID token is for another client");
        const known = before && before.claims;
        if (known && known.sub !== claims.sub)
            throw new BadAnswer("the ID token is for another user");
    }
    async post(path, form, repeat = false) {
        return content(await this.postForm(path, form, repeat));
    }
    postForm(path, form, repeat) {
        const headers = { ...this.headers(), ...FORM };
        const body = encodeForm({ client_id: this.clientId, ...form });
        return this.send({ method: "POST", url: this.baseUrl + path, headers, body }, repeat);
    }
    headers() {
        const language = this.options.language;
        return language ? { accept: "application/json", "accept-language": language } : { accept: "application/json" };
    }
    /** Send, and with `repeat` send again if the answer was lost. */
    async send(request, repeat) {
        const began = Date.now();
        for (let attempt = 0;; attempt++) {
            let outcome;
            try {
                outcome = await this.transport({ ...request, timeout: this.options.timeout || 15000 });
            }
            catch (error) {
                if (!(error instanceof TransportError))
                    throw error;
                outcome = error;
            }
            const pause = repeat && attempt < RETRIES ? pauseAfter(outcome, attempt) : null;
            if (pause === null || Date.now() + pause - began > REPEAT_WITHIN) {
                if (outcome instanceof TransportError)
                    throw outcome;
                return outcome;
            }
            await new Promise((resolve) => setTimeout(resolve, pause));
        }
    }
    checkTarget(url) {
        if (this.origins.some((origin) => url === origin || url.startsWith(origin + "/") || url.startsWith(origin + "?")))
            return;
        throw new TypeError("the access token is not for this address: name its origin in `apis`");
    }
}
const FORM = { "content-type": "application/x-www-form-urlencoded" };
/** The milliseconds until a request may be sent again; null where it may not. */
function pauseAfter(outcome, attempt) {
    // Between half and all of it, so that many clients do not come back at once.
    const pause = FIRST_PAUSE * (1 << attempt) * (0.5 + Math.random() / 2);
    if (outcome instanceof TransportError)
        return pause;
    const said = retryAfter(outcome);
    if (outcome.status === 503 && said !== null)
        return said > LONGEST_PAUSE ? null : Math.max(pause, said * 1000);
    // A gateway that had no answer: like one that was lost.
    return outcome.status === 502 || outcome.status === 503 || outcome.status === 504 ? pause : null;
}
/** What the storage gives; throws StorageError. */
async function guarded(what, call) {
    try {
        return await call();
    }
    catch (error) {
        throw new StorageError("could not " + what, error);
    }
}
/** A code of `wx.login`. */
function loginCode(app) {
    return new Promise((resolve, reject) => {
        app.login({
            provider: "weixin",
            success: (found) => resolve(found.code),
            fail: () => reject(new TransportError("wx.login gave no code")),
        });
    });
}
/** The address without a slash at its end; throws TypeError for what is none, or would send tokens in clear. */
function checkedAddress(name, value, allowHttp = false) {
    const found = /^(https?):\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?(\/[^\s?#\\]*)?$/.exec(value);
    if (!found)
        throw new TypeError(name + ": must be like https://id.example.com");
    if (found[1] === "http" && !allowHttp && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(found[2])) {
        throw new TypeError(name + ": plain http sends passwords and tokens in clear; use https, or say allowHttp");
    }
    return value.replace(/\/+$/, "");
}
/** Take the answer to a login out of the address bar and the history. */
function cleanAddress() {
    const url = new URL(location.href);
    for (const name of ["code", "state", "iss", "error", "error_description", "error_uri"])
        url.searchParams.delete(name);
    history.replaceState(history.state, "", url.href);
}
