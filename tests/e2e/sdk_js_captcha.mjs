// The JavaScript SDK against a server that asks for a captcha before the second code.
//
// In: argv: the server's address. Out: how the second code was refused, what a login without a browser was told, and how
// many codes were sent, as JSON on stdout.

import { pbkdf2Sync } from "node:crypto";

import { Lingpai, Refused } from "../../sdk/js/lingpai.mjs";

/** The solution that ALTCHA's widget puts into its form. */
function solve(challenge) {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  for (let counter = 0; ; counter++) {
    const password = Buffer.alloc(nonce.length / 2 + 4, nonce, "hex");
    password.writeUInt32BE(counter, nonce.length / 2);
    const derivedKey = pbkdf2Sync(password, Buffer.from(salt, "hex"), cost, keyLength, "sha256").toString("hex");
    if (derivedKey.startsWith(keyPrefix)) {
      return Buffer.from(JSON.stringify({ challenge, solution: { counter, derivedKey } })).toString("base64");
    }
  }
}

const [address] = process.argv.slice(2);
const lingpai = new Lingpai(address, "my-app");
const found = {};
await lingpai.sendCode("13900139001");
try {
  await lingpai.sendCode("13900139002");
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  found.refused = [error.reason, error.status, error.captcha.provider];
  await lingpai.sendCode("13900139002", { captcha: solve(error.captcha.challenge) });
}
const login = lingpai.challenge();
const steps = [await login.sendCode("13900139003")];
steps.push(await login.sendCode("13900139003", { captcha: "wrong" }));
steps.push(await login.sendCode("13900139003", { captcha: solve(steps[1].captcha.challenge) }));
found.login = steps.map(({ next, reason, captcha }) => [next, reason, captcha && captcha.provider]);
found.sent = (await (await fetch(`${address}/_local/sms`)).json()).length;
console.log(JSON.stringify(found));
