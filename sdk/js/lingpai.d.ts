// Written by `make sdk-js` from src/lingpai.ts.
/**
 * A client of Lingpai for browsers, Node, WeChat mini-programs and uni-app.
 *
 * In: the address of Lingpai and the id of a client without a secret. Out: logins, a session whose access token is
 * renewed when it is needed, requests that carry it, and typed errors. No error holds a token or a password.
 */
/** The base of all errors of a call. `name` is the name of the class. */
export declare class LingpaiSDKError extends Error {
    constructor(message: string);
}
/** There was no answer. The request may have had its effect. */
export declare class TransportError extends LingpaiSDKError {
    constructor(message: string);
}
/** There was no answer in time. */
export declare class Timeout extends TransportError {
    constructor(message: string);
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
export declare class Refused extends LingpaiSDKError {
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
    constructor(found: Refusal);
}
/** A login without a browser has ended: it waited too long, or an answer was lost. It has to begin anew. */
export declare class InvalidSession extends Refused {
    constructor(found: Refusal);
}
/** A login without a browser has to go on in one: `Challenge.loginUrl` has the address. */
export declare class RedirectToWeb extends Refused {
    /** The request that the authorization endpoint takes up (RFC 9126); null where no redirect URI was named. */
    readonly requestUri: string | null;
    /** How many seconds the server keeps that request. */
    readonly expiresIn: number | null;
    constructor(found: Refusal, requestUri?: string | null, expiresIn?: number | null);
}
/** Nobody is logged in, or the session has ended. Nothing is stored any more. */
export declare class LoginRequired extends LingpaiSDKError {
    /** The server's reason for ending the session (`bad_refresh_token`, …); null where there was no session. */
    readonly reason: string | null;
    constructor(reason?: string | null);
}
/** What came is not an answer of Lingpai, or does not belong to a login that was started here. */
export declare class BadAnswer extends LingpaiSDKError {
    constructor(message: string);
}
/** The storage failed; `cause` is its own error. */
export declare class StorageError extends LingpaiSDKError {
    readonly cause: unknown;
    constructor(message: string, cause: unknown);
}
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
    roles: {
        id: number;
        name: string;
    }[];
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
    allowCredentials?: {
        id: string;
        type: string;
        transports?: string[];
    }[];
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
/** Keeps a session as long as the program runs. */
export declare function memoryStorage(): TokenStorage;
/**
 * Keeps a session in the browser: `local` for all tabs, also after the browser was closed; `session` for this tab.
 *
 * All tabs share one lock (Web Locks API). A browser that has none is left to the server, which repeats its answer to
 * two tabs that refresh at once.
 */
export declare function webStorage(kind: "local" | "session"): TokenStorage;
/** Keeps a session in the local storage of a mini-program: `appStorage(wx)`, `appStorage(uni)`. */
export declare function appStorage(app: MiniProgram): TokenStorage;
/** Sends by `fetch`. Redirects are not followed: what is sent is meant for this address alone. */
export declare function fetchTransport(send?: typeof fetch): Transport;
/** Sends by the `request` of a mini-program: `appTransport(wx)`, `appTransport(uni)`. */
export declare function appTransport(app: MiniProgram): Transport;
/** The SHA-256 digest (FIPS 180-4 section 6.2). */
export declare function sha256(message: Uint8Array): Uint8Array;
type Fields = Record<string, string | string[] | number | null | undefined>;
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
export declare class Challenge {
    #private;
    /** For `Lingpai.challenge`. */
    constructor(client: ChallengeClient);
    /** What may come now. Changes nothing. */
    nextStep(): Promise<ChallengeResult>;
    /** Have a code sent to the mobile number; again for a new one. `captcha` is the solution of the captcha that was asked for. */
    sendCode(mobile: string, { captcha }?: {
        captcha?: string;
    }): Promise<ChallengeResult>;
    /** The code that was sent. */
    code(code: string): Promise<ChallengeResult>;
    /** A username or mobile number and a password. */
    password(username: string, password: string): Promise<ChallengeResult>;
    /** The person of `wx.login` or `uni.login`, and the number of the `code` that a button `getPhoneNumber` gives. */
    wechat({ phoneCode }?: {
        phoneCode?: string;
    }): Promise<ChallengeResult>;
    /** An ID token of the client's OpenID provider, and the nonce that it was asked for with. */
    idToken(idToken: string, nonce?: string): Promise<ChallengeResult>;
    /** Ask for the options of a passkey, for an app that asks its platform for one by itself. */
    passkeyOptions(): Promise<ChallengeResult>;
    /**
     * A passkey, as a first or a second factor: the platform's answer to the options (JSON, or its text).
     *
     * Without one the browser is asked for it; what it throws is thrown on (`NotAllowedError`: nobody answered).
     */
    passkey(answer?: string | object): Promise<ChallengeResult>;
    /** The code of an authenticator app, as a second factor. */
    totp(code: string): Promise<ChallengeResult>;
    /** A recovery code, as a second factor. */
    recoveryCode(code: string): Promise<ChallengeResult>;
    /**
     * The address at which the login goes on in a browser after a RedirectToWeb, like that of `Lingpai.loginUrl`;
     * `Lingpai.finishLogin` finishes it. Throws TypeError without a redirect URI.
     */
    loginUrl(): Promise<string>;
    /** Leave the page to go on there. */
    loginRedirect(): Promise<void>;
}
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
export declare class Lingpai {
    private readonly clientId;
    private readonly options;
    private readonly baseUrl;
    private readonly issuer;
    private readonly origins;
    private readonly storage;
    private readonly loginStorage;
    private readonly transport;
    private readonly key;
    /** Tokens that could not be stored. */
    private unsaved;
    /** The renewal that is under way: all who need one wait for it. */
    private renewing;
    /** The last change of the session that was begun: the next one waits for its end. */
    private queue;
    private finishing;
    /** Throws TypeError for an address that is none, or that would send tokens in clear. */
    constructor(baseUrl: string, clientId: string, options?: LingpaiOptions);
    /**
     * The address to log in at: an authorization request with PKCE, state and nonce. `finishLogin` needs what is stored here.
     *
     * Throws TypeError without a redirect URI, StorageError if nothing can be stored.
     */
    loginUrl(options?: LoginOptions): Promise<string>;
    private newLogin;
    private authorizationRequest;
    /** Keep the login until the browser comes back from this address. */
    private authorizeUrl;
    /** Leave the page to log in. The browser comes back to the redirect URI, where `finishLogin` has to be called. */
    loginRedirect(options?: LoginOptions): Promise<void>;
    /**
     * Finish the login whose answer is in this address: of the page by default, whose address bar is then cleaned.
     *
     * null where the address holds no answer, so a page can always call it when it starts. Throws Refused for a login
     * that was refused (`access_denied`, `login_required`, …), and BadAnswer for an answer to no login of this browser
     * or by another issuer (RFC 9207).
     */
    finishLogin(url?: string): Promise<LoginResult | null>;
    private finish;
    /** Redeem the code of a login, and begin its session. */
    private redeem;
    /**
     * Begin a login in the app itself, by steps (`Challenge`): password, SMS code, WeChat, passkey, and a second factor.
     *
     * Nothing is sent before the first step. The client's record must be `first_party` and have the grant `challenge`.
     */
    challenge(options?: ChallengeOptions): Challenge;
    /** Log in by a username or mobile number and a password. The client's record must have the grant. */
    password(username: string, password: string, options?: ScopeOptions): Promise<Tokens>;
    /** Have a code sent to the mobile number. Refused with `captcha` where a captcha has to be solved first. */
    sendCode(mobile: string, options?: CodeOptions): Promise<void>;
    /** Tell whether the code is the one sent to the number: throws Refused if not. Counts as a guess. */
    verifyCode(mobile: string, code: string): Promise<void>;
    /** Log in by the code sent to the mobile number. The first login creates the account. */
    mobileCode(mobile: string, code: string, options?: ScopeOptions): Promise<Tokens>;
    /** Log in by a third party's credential: the `js_code` of a mini-program, or an ID token and its `nonce`. */
    sign(sign: string, options?: ScopeOptions & {
        nonce?: string;
    }): Promise<Tokens>;
    /**
     * Log in by `wx.login` or `uni.login` in a mini-program, without asking the user.
     *
     * Its code works once: after a lost answer, and where WeChat does not know the code, one more is tried.
     */
    wxLogin(options?: ScopeOptions): Promise<Tokens>;
    private logIn;
    /** The tokens as they are stored; null if nobody is logged in. */
    tokens(): Promise<Tokens | null>;
    /** An access token that is good for some seconds at least, renewed if need be. Throws LoginRequired. */
    accessToken(): Promise<string>;
    /** Renew the tokens now. Throws LoginRequired. */
    refresh(): Promise<Tokens>;
    /**
     * `fetch` with the access token. After a 401 the tokens are renewed and the request is sent once more.
     *
     * Throws TypeError for an address that may not get the token (`apis`), and LoginRequired.
     */
    fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
    /**
     * A request with the access token on any platform: the JSON of the answer, or its text.
     *
     * An address that begins with `/` is Lingpai's. After a 401 the tokens are renewed and the request is sent once more.
     * Throws Refused for any other status than 2xx, TypeError for an address that may not get the token, LoginRequired.
     */
    request<T = any>(url: string, options?: ApiRequest): Promise<T>;
    /** What the scope tells of the user (OpenID Connect Core section 5.3). The scope must have `openid`. */
    userinfo(): Promise<{
        sub: string;
        [name: string]: unknown;
    }>;
    /** The user. The token must open Lingpai's own API (docs/api.md, "What a token opens"). */
    currentUser(): Promise<User>;
    /** End what the access or refresh token belongs to (RFC 7009). */
    revoke(token: string): Promise<void>;
    /** End the session. The tokens are forgotten first: after an error, only the server still has it. */
    logout(): Promise<void>;
    /** End the session, and give the address at which the browser is logged out of Lingpai, too. */
    logoutUrl(options?: LogoutOptions): Promise<string>;
    /** End the session, and leave the page to log out of Lingpai, too. */
    logoutRedirect(options?: LogoutOptions): Promise<void>;
    /** The tokens, renewed if they end soon. */
    private current;
    private isFresh;
    /** Tokens in place of these. One renewal is under way at a time, and all callers share it. */
    private renew;
    private replace;
    /** Run the work when all earlier changes of the session have ended, here and (if the storage has a lock) in other tabs. */
    private exclusive;
    private load;
    /** Keep the tokens of a new session. */
    private begin;
    private save;
    private forget;
    private clear;
    private report;
    private changed;
    /** The tokens of a token answer. `before` are those that it renews. */
    private issue;
    /**
     * Check the claims of an ID token (OpenID Connect Core sections 3.1.3.7 and 12.2).
     *
     * It comes from the issuer itself, over TLS, so its signature need not be verified. `exp` is not checked either: the
     * clocks of people's devices may be hours wrong.
     */
    private checkClaims;
    private post;
    private postForm;
    private headers;
    /** Send, and with `repeat` send again if the answer was lost. */
    private send;
    private checkTarget;
}
export {};
