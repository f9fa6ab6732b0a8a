// The same package in CommonJS.

import sdk = require("lingpai-sdk");

const lingpai: sdk.Lingpai = new sdk.Lingpai("https://id.example", "app");
export const tokens: Promise<sdk.Tokens | null> = lingpai.tokens();
export const result: Promise<sdk.ChallengeResult> = lingpai.challenge().password("alice", "password");
