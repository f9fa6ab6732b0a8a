// Checks the types, and writes lingpai.mjs (ES module), lingpai.js (CommonJS) and lingpai.d.ts from src/lingpai.ts.
//
// In: argv: a folder in whose node_modules TypeScript is; `--check` compares the files instead of writing them.
// Out: the exit code, 1 for an error of types and for a file that differs.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [tools, mode] = process.argv.slice(2);
const ts = createRequire(path.resolve(tools, "package.json"))("typescript");
const here = path.dirname(fileURLToPath(import.meta.url));
const at = (...names) => path.join(here, ...names);
const NOTE = "// Written by `make sdk-js` from src/lingpai.ts.\n";

/** The program of a tsconfig.json; an error of types ends this process. */
function checkedProgram(config) {
  const parsed = ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, path.dirname(config));
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  const wrong = [...parsed.errors, ...ts.getPreEmitDiagnostics(program)];
  if (wrong.length > 0) {
    const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => here, getNewLine: () => "\n" };
    process.stderr.write(ts.formatDiagnostics(wrong, host));
    process.exit(1);
  }
  return program;
}

const program = checkedProgram(at("tsconfig.json"));
const source = at("src", "lingpai.ts");
const files = {};
program.emit(program.getSourceFile(source), (name, text) => {
  files[name.endsWith(".d.ts") ? "lingpai.d.ts" : "lingpai.mjs"] = NOTE + text;
});
const compilerOptions = { ...program.getCompilerOptions(), module: ts.ModuleKind.CommonJS };
files["lingpai.js"] = NOTE + ts.transpileModule(readFileSync(source, "utf8"), { compilerOptions }).outputText;

for (const [name, text] of Object.entries(files)) {
  if (mode !== "--check") writeFileSync(at(name), text);
  else if (readFileSync(at(name), "utf8") !== text) {
    process.stderr.write(`sdk/js/${name} differs from src/lingpai.ts: run \`make sdk-js\`\n`);
    process.exit(1);
  }
}
// The files as a user's compiler reads them.
checkedProgram(at("tests", "tsconfig.json"));
