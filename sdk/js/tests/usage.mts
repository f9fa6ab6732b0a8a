// What users write, as TypeScript reads it by the package's name. It is compiled, not run.

import {
  InvalidSession,
  Lingpai,
  LoginRequired,
  RedirectToWeb,
  Refused,
  StorageError,
  TransportError,
  appStorage,
  appTransport,
  fetchTransport,
  memoryStorage,
  webStorage,
  type Challenge,
  type ChallengeResult,
  type Claims,
  type LingpaiOptions,
  type LoginResult,
  type MiniProgram,
  type NextStep,
  type PasskeyOptions,
  type Tokens,
  type TokenStorage,
  type Transport,
  type User,
} from "lingpai-sdk";

declare const app: MiniProgram;

const files: TokenStorage = {
  get: async (key) => (key === "a" ? "b" : null),
  set: async () => {},
  remove: async () => {},
  lock: (_name, work) => work(),
};
const transport: Transport = async ({ url, timeout }) => ({ status: timeout, headers: { url }, body: "" });
const options: LingpaiOptions = {
  scope: ["openid", "profile"],
  redirectUri: "https://app.example/",
  storage: webStorage("local"),
  loginStorage: files,
  transport,
  relogin: (lingpai) => lingpai.wxLogin(),
  onChange: (tokens) => tokens?.accessToken.length,
  onStorageError: (error: StorageError) => error.cause,
};

export async function all(): Promise<void> {
  const lingpai = new Lingpai("https://id.example", "app", options);
  new Lingpai("https://id.example", "app", { storage: appStorage(app), transport: appTransport(app) });
  new Lingpai("https://id.example", "app", { storage: memoryStorage(), transport: fetchTransport(fetch) });

  const url: string = await lingpai.loginUrl({ prompt: "login", maxAge: 60, resource: ["https://api.example"] });
  const done: LoginResult | null = await lingpai.finishLogin(url);
  const claims: Claims | null | undefined = done?.tokens.claims;
  const subject: string | undefined = claims?.sub;
  await lingpai.loginRedirect({ appState: { subject } });

  await lingpai.sendCode("13800138000", { purpose: "login", captcha: "solution" });
  await lingpai.verifyCode("13800138000", "123456");
  const each: Tokens[] = [
    await lingpai.mobileCode("13800138000", "123456"),
    await lingpai.password("alice", "password", { scope: "read" }),
    await lingpai.sign("an ID token", { nonce: "n", scope: ["read"] }),
    await lingpai.refresh(),
  ];
  const session: Tokens | null = await lingpai.tokens();
  const token: string = await lingpai.accessToken();
  const response: Response = await lingpai.fetch(new URL("https://api.example/"), { method: "POST", body: token });
  const found = await lingpai.request<{ name: string }>("/users/current", { json: { at: response.status } });
  const name: string = found.name;
  const user: User = await lingpai.currentUser();
  const { sub } = await lingpai.userinfo();
  await lingpai.revoke(token);
  await lingpai.logout();
  await lingpai.logoutRedirect({ state: sub });
  const away: string = await lingpai.logoutUrl();
  console.log(each, session, name, user.roles[0]?.name, away);
}

/** Every step, and what each result has. */
export async function inApp(lingpai: Lingpai, ask: (what: NextStep) => Promise<string>): Promise<Tokens> {
  const login: Challenge = lingpai.challenge({ scope: ["openid"], maxAge: 60, redirectUri: "https://app.example/", appState: 1 });
  const sent: ChallengeResult = await login.sendCode("13800138000", { captcha: "solution" });
  const waits: number = sent.done ? 0 : (sent.resendIn ?? sent.expiresIn ?? 0);
  const each: ChallengeResult[] = [
    await login.nextStep(),
    await login.code("123456"),
    await login.password("alice", "password"),
    await login.wechat(),
    await login.wechat({ phoneCode: "a code" }),
    await login.idToken("an ID token", "a nonce"),
    await login.recoveryCode("a code"),
    await login.passkey(),
    await login.passkey({ id: "a", rawId: "a", type: "public-key", response: {} }),
  ];
  let result: ChallengeResult = await login.passkeyOptions();
  const options: PasskeyOptions | null = result.done ? null : result.passkeyOptions;
  console.log(each, waits, options?.challenge, options?.allowCredentials?.[0]?.id);
  while (!result.done) result = await login.totp(await ask(result));
  return result.tokens;
}

export async function inBrowser(login: Challenge, error: unknown): Promise<void> {
  if (error instanceof InvalidSession) await login.nextStep();
  if (error instanceof RedirectToWeb && error.requestUri) await login.loginRedirect();
  const url: string = await login.loginUrl();
  console.log(url);
}

// @ts-expect-error: there are tokens only where the login is done
export const tooEarly = (result: ChallengeResult): Tokens => result.tokens;

export function explain(error: unknown): string {
  if (error instanceof Refused && error.stepUp) void new Lingpai("https://id.example", "app").loginRedirect(error.stepUp);
  if (error instanceof Refused && error.captcha) return error.captcha.provider;
  if (error instanceof Refused) return `${error.error} ${error.reason} ${error.status} ${error.retryAfter ?? 0}`;
  if (error instanceof LoginRequired) return error.reason ?? "";
  return error instanceof TransportError ? error.message : "";
}

// @ts-expect-error: the client has no secret
new Lingpai("https://id.example", "app", { clientSecret: "secret" });
// @ts-expect-error: these are the only values of OpenID Connect
void new Lingpai("https://id.example", "app").loginUrl({ prompt: "maybe" });
