export * from "./lingpai.js";
