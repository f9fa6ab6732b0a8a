// ALTCHA's own library solves a challenge and verifies the solution.
// Standard input: { challenge, secret, keySecret }, the two that sign it. Standard output: { payload, result, guess }.
import { readFileSync } from "node:fs";

const { pbkdf2, solveChallenge, verifySolution } = await import(process.argv[2]);
const { challenge, secret, keySecret } = JSON.parse(readFileSync(0, "utf8"));
const { deriveKey } = pbkdf2;
const verify = (solution) =>
  verifySolution({ challenge, deriveKey, hmacKeySignatureSecret: keySecret, hmacSignatureSecret: secret, solution });
const solution = await solveChallenge({ challenge, deriveKey });
const payload = btoa(JSON.stringify({ challenge, solution }));
const guess = await verify({ ...solution, derivedKey: "00".repeat(32) });
process.stdout.write(JSON.stringify({ payload, result: await verify(solution), guess }));
