// The npm package otpauth as an authenticator app: it reads what the QR code says, and shows codes.
//
// In: argv: the package's module; stdin: {"uri", "times" (seconds since 1970)}. Out: the codes, as JSON on stdout.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const OTPAuth = await import(pathToFileURL(process.argv[2]));
const given = JSON.parse(readFileSync(0, "utf8"));
const app = OTPAuth.URI.parse(given.uri);
const shown = given.times.map((at) => app.generate({ timestamp: at * 1000 }));
process.stdout.write(JSON.stringify({ issuer: app.issuer, label: app.label, shown }));
